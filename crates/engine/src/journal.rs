//! A decision's events as bytes, and back. Old journals must still load: `tests/journal/` has one of each format.

use asl::Event;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte: what follows is postcard, compressed by LZ4 with its length before it.
const FORMAT: u8 = 1;
/// No chunk comes near this; a damaged length must not ask for all memory.
const LENGTH_MAX: usize = 1 << 30;

/// Events as a chunk's bytes, and how many bytes they were before compression.
pub fn encode(events: &[Event]) -> (Bytes, usize) {
    pack(&events)
}

/// A chunk's events.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Vec<Event>, String> {
    unpack(bytes)
}

/// Anything in the journal's format.
pub(crate) fn pack(value: &impl Serialize) -> (Bytes, usize) {
    let plain = postcard::to_stdvec(value).expect("our own types serialize");
    let mut bytes = Vec::with_capacity(8 + lz4_flex::block::get_maximum_output_size(plain.len()));
    bytes.push(FORMAT);
    bytes.extend((plain.len() as u32).to_le_bytes());
    let start = bytes.len();
    bytes.resize(bytes.capacity(), 0);
    let written =
        lz4_flex::block::compress_into(&plain, &mut bytes[start..]).expect("there is room");
    bytes.truncate(start + written);
    (Bytes::copy_from_slice(&bytes), plain.len())
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (format, rest) = bytes.split_first().ok_or("it is empty")?;
    if *format != FORMAT {
        return Err(format!("its format is {format}, this Stepwell knows {FORMAT}"));
    }
    let (length, compressed) = rest.split_first_chunk::<4>().ok_or("it is cut short")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > LENGTH_MAX {
        return Err(format!("it claims {length} bytes"));
    }
    let plain =
        lz4_flex::block::decompress(compressed, length).map_err(|error| error.to_string())?;
    let (value, rest) = postcard::take_from_bytes(&plain).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes are left over", rest.len()));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use asl::{EventKind, FrameId, Timestamp};

    #[test]
    fn damage_is_told_and_never_panics() {
        let event = Event {
            id: 1,
            previous: 0,
            at: Timestamp(1_700_000_000_000),
            frame: FrameId(0),
            kind: EventKind::RetryStarted,
        };
        let (bytes, _) = encode(&[event.clone(), event]);
        assert_eq!(decode(&bytes).unwrap().len(), 2);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err());
        }
        for place in 0..bytes.len() {
            for flip in [1, 0x80, 0xff] {
                let mut damaged = bytes.to_vec();
                damaged[place] ^= flip;
                let _ = decode(&damaged);
            }
        }
    }
}
