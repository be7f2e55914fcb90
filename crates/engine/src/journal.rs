//! A decision's events as bytes, and back. Old journals must still load: `tests/journal/` has one of each format.

use asl::{Event, EventKind, FrameId, Timestamp};
use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first byte: what follows is postcard, compressed by LZ4 with its length (four bytes, little-endian)
/// before it. In an event, id and time are counted from the event before, and `previous` from the id.
const FORMAT: u8 = 1;
/// No chunk comes near this; a damaged length must not ask for all memory.
const LENGTH_MAX: usize = 1 << 30;

/// Events as a chunk's bytes.
pub fn encode(events: &[Event]) -> Bytes {
    Lines::of(events).into_chunk()
}

/// A chunk's events.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Vec<Event>, String> {
    Lines(decompress(bytes, "")?).events()
}

/// A chunk's events, each with its length before compression.
pub(crate) fn decode_measured(bytes: &[u8]) -> Result<Vec<(Event, usize)>, String> {
    Lines(decompress(bytes, "")?).measured()
}

/// Events in postcard, before compression: a chunk of its own, or part of an execution's row.
#[derive(Clone)]
pub(crate) struct Lines(Vec<u8>);

/// Id, previous, time, frame and kind.
type Line<K> = (i64, i64, i64, FrameId, K);

impl Lines {
    pub(crate) fn of(events: &[Event]) -> Lines {
        let (mut id, mut at) = (0, 0);
        let mut plain = Vec::with_capacity(64 * events.len());
        for event in events {
            let (this, previous) = (event.id as i64, event.previous as i64);
            let line: Line<&EventKind> =
                (this - id, this - previous, event.at.0.wrapping_sub(at), event.frame, &event.kind);
            plain = postcard::to_extend(&line, plain).expect("our own types serialize");
            (id, at) = (this, event.at.0);
        }
        Lines(plain)
    }

    pub(crate) fn events(&self) -> Result<Vec<Event>, String> {
        let mut events = Vec::new();
        self.each(|event, _| events.push(event))?;
        Ok(events)
    }

    /// The events, each with its length here.
    pub(crate) fn measured(&self) -> Result<Vec<(Event, usize)>, String> {
        let mut events = Vec::new();
        self.each(|event, length| events.push((event, length)))?;
        Ok(events)
    }

    fn each(&self, mut take: impl FnMut(Event, usize)) -> Result<(), String> {
        let (mut id, mut at, mut rest) = (0i64, 0i64, &self.0[..]);
        while !rest.is_empty() {
            let (line, behind): (Line<EventKind>, _) =
                postcard::take_from_bytes(rest).map_err(|error| error.to_string())?;
            let (by, back, later, frame, kind) = line;
            id = id.wrapping_add(by);
            at = at.wrapping_add(later);
            let previous = id.wrapping_sub(back) as u64;
            let length = rest.len() - behind.len();
            take(Event { id: id as u64, previous, at: Timestamp(at), frame, kind }, length);
            rest = behind;
        }
        Ok(())
    }

    pub(crate) fn into_chunk(self) -> Bytes {
        compress(&self.0, "")
    }

    /// Bytes before compression.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Lines, D::Error> {
        struct Plain;
        impl Visitor<'_> for Plain {
            type Value = Lines;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Lines, E> {
                Ok(Lines(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Plain).map_err(D::Error::custom)
    }
}

/// Anything in the journal's format. What it has in common with `hint` costs next to nothing; the same
/// hint must be there to read it.
pub(crate) fn pack(value: &impl Serialize, hint: &str) -> Bytes {
    compress(&postcard::to_stdvec(value).expect("our own types serialize"), hint)
}

pub(crate) fn unpack<T: DeserializeOwned>(bytes: &[u8], hint: &str) -> Result<T, String> {
    let plain = decompress(bytes, hint)?;
    let (value, rest) = postcard::take_from_bytes(&plain).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes are left over", rest.len()));
    }
    Ok(value)
}

fn compress(plain: &[u8], hint: &str) -> Bytes {
    let room = 5 + lz4_flex::block::get_maximum_output_size(plain.len());
    let mut bytes = vec![0; room];
    bytes[0] = FORMAT;
    bytes[1..5].copy_from_slice(&(plain.len() as u32).to_le_bytes());
    let written = if hint.is_empty() {
        lz4_flex::block::compress_into(plain, &mut bytes[5..])
    } else {
        lz4_flex::block::compress_into_with_dict(plain, &mut bytes[5..], hint.as_bytes())
    };
    bytes.truncate(5 + written.expect("there is room"));
    bytes.shrink_to_fit();
    Bytes::from(bytes)
}

fn decompress(bytes: &[u8], hint: &str) -> Result<Vec<u8>, String> {
    let (format, rest) = bytes.split_first().ok_or("it is empty")?;
    if *format != FORMAT {
        return Err(format!("its format is {format}, this Stepwell knows {FORMAT}"));
    }
    let (length, compressed) = rest.split_first_chunk::<4>().ok_or("it is cut short")?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > LENGTH_MAX {
        return Err(format!("it claims {length} bytes"));
    }
    let plain = if hint.is_empty() {
        lz4_flex::block::decompress(compressed, length)
    } else {
        lz4_flex::block::decompress_with_dict(compressed, length, hint.as_bytes())
    };
    plain.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_and_never_panics() {
        let event = Event {
            id: 1,
            previous: 0,
            at: Timestamp(1_700_000_000_000),
            frame: FrameId(0),
            kind: EventKind::RetryStarted,
        };
        let events = [event.clone(), Event { id: 0, previous: 7, ..event }];
        let bytes = encode(&events);
        assert_eq!(decode(&bytes).unwrap(), events);
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
