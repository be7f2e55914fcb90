//! SageMaker's records: protobuf messages, each in a RecordIO frame.
//!
//! The messages are few and fixed, so they are read and written by hand: `Record { features = 1, label = 2 }`,
//! two maps from a name to a `Value { float32_tensor = 2, float64_tensor = 3, int32_tensor = 7 }`, each tensor
//! `{ values = 1, keys = 2, shape = 3 }`.

use super::library::Sparse;

const MAGIC: u32 = 0xced7_230a;

/// Appends a record with the given labels.
pub(super) fn write(bytes: &mut Vec<u8>, label: &[(&str, Vec<f32>)]) {
    let mut record = Vec::new();
    for (name, values) in label {
        let mut packed = Vec::with_capacity(values.len() * 4);
        values.iter().for_each(|value| packed.extend(value.to_le_bytes()));
        let tensor = field(1, &packed);
        let value = field(2, &tensor);
        let mut entry = field(1, name.as_bytes());
        entry.extend(field(2, &value));
        record.extend(field(2, &entry));
    }
    bytes.extend(MAGIC.to_le_bytes());
    bytes.extend((record.len() as u32).to_le_bytes());
    bytes.extend(&record);
    bytes.extend(std::iter::repeat_n(0, record.len().wrapping_neg() % 4));
}

/// Rows of records, with the first value of each label.
#[derive(Debug, Default, PartialEq)]
pub struct Records {
    /// The features.
    pub features: Sparse,
    /// The labels, as many as there are rows with one.
    pub labels: Vec<f32>,
}

/// Reads records. The error is for people.
pub fn read(mut bytes: &[u8]) -> Result<Records, String> {
    let mut records =
        Records { features: Sparse { offsets: vec![0], ..Sparse::default() }, labels: Vec::new() };
    let mut number = 0;
    while !bytes.is_empty() {
        number += 1;
        let fail = |what: &str| format!("record {number}: {what}");
        let word = |at: usize| {
            bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes)
        };
        if word(0) != Some(MAGIC) {
            return Err(fail("it does not begin with the RecordIO magic number"));
        }
        let length = word(4).ok_or_else(|| fail("it ends in its header"))? as usize;
        let record =
            bytes.get(8..8 + length).ok_or_else(|| fail("it is shorter than its header says"))?;
        add(record, &mut records)
            .ok_or_else(|| fail("it is not a SageMaker record with numbers"))?;
        bytes = bytes.get(8 + length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(records)
}

fn add(record: &[u8], records: &mut Records) -> Option<()> {
    for part in fields(record) {
        let (number, Wire::Bytes(entry)) = part? else { return None };
        if number > 2 {
            continue;
        }
        // A map's entry: name = 1, value = 2; both of our maps use the one name `values`.
        for part in fields(entry) {
            let (2, Wire::Bytes(value)) = part? else { continue };
            let tensor = tensor(value)?;
            if number == 2 {
                records.labels.extend(tensor.values.first());
                continue;
            }
            let sparse = &mut records.features;
            let dense_keys = 0..tensor.values.len() as u64;
            let keys = if tensor.keys.is_empty() { dense_keys.collect() } else { tensor.keys };
            if keys.len() != tensor.values.len() {
                return None;
            }
            let width = tensor
                .shape
                .first()
                .copied()
                .unwrap_or(0)
                .max(keys.iter().max().map_or(0, |key| key.saturating_add(1)));
            sparse.columns = sparse
                .columns
                .max(usize::try_from(width).ok().filter(|width| *width < i32::MAX as usize)?);
            sparse.indices.extend(keys.into_iter().map(|key| key as u32));
            sparse.values.extend(tensor.values);
        }
    }
    records.features.offsets.push(records.features.values.len() as u64);
    Some(())
}

#[derive(Default)]
struct Tensor {
    values: Vec<f32>,
    keys: Vec<u64>,
    shape: Vec<u64>,
}

fn tensor(value: &[u8]) -> Option<Tensor> {
    let mut tensor = Tensor::default();
    for part in fields(value) {
        let (kind, Wire::Bytes(bytes)) = part? else { return None };
        for part in fields(bytes) {
            match (part?, kind) {
                ((1, Wire::Bytes(packed)), 2) => {
                    tensor.values.extend(
                        packed
                            .chunks_exact(4)
                            .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])),
                    );
                }
                ((1, Wire::Fixed32(bits)), 2) => tensor.values.push(f32::from_bits(bits)),
                ((1, Wire::Bytes(packed)), 3) => {
                    tensor.values.extend(packed.chunks_exact(8).filter_map(|eight| {
                        Some(f64::from_le_bytes(eight.try_into().ok()?) as f32)
                    }));
                }
                ((1, Wire::Bytes(packed)), 7) => {
                    tensor
                        .values
                        .extend(varints(packed)?.into_iter().map(|value| value as i32 as f32));
                }
                ((1, Wire::Varint(value)), 7) => tensor.values.push(value as i32 as f32),
                ((2, Wire::Bytes(packed)), _) => tensor.keys.extend(varints(packed)?),
                ((2, Wire::Varint(key)), _) => tensor.keys.push(key),
                ((3, Wire::Bytes(packed)), _) => tensor.shape.extend(varints(packed)?),
                ((3, Wire::Varint(size)), _) => tensor.shape.push(size),
                _ => return None,
            }
        }
    }
    Some(tensor)
}

enum Wire<'a> {
    Varint(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message; `None` is one that does not fit.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Option<(u64, Wire<'_>)>> {
    let mut broken = false;
    std::iter::from_fn(move || {
        if bytes.is_empty() || broken {
            return None;
        }
        let read = next_field(&mut bytes);
        broken = read.is_none();
        Some(read)
    })
}

fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Wire<'a>)> {
    let tag = varint(bytes)?;
    let wire = match tag & 7 {
        0 => Wire::Varint(varint(bytes)?),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (taken, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Wire::Bytes(taken)
        }
        5 => {
            let (taken, rest) = bytes.split_at_checked(4)?;
            *bytes = rest;
            Wire::Fixed32(u32::from_le_bytes(taken.try_into().ok()?))
        }
        _ => return None,
    };
    Some((tag >> 3, wire))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn varints(mut bytes: &[u8]) -> Option<Vec<u64>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        values.push(varint(&mut bytes)?);
    }
    Some(values)
}

/// A length-delimited field.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(length as u8 & 0x7f | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(record: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        bytes.extend((record.len() as u32).to_le_bytes());
        bytes.extend(record);
        bytes.extend(std::iter::repeat_n(0, record.len().wrapping_neg() % 4));
        bytes
    }

    fn entry(map: u8, tensor: Vec<u8>) -> Vec<u8> {
        let mut entry = field(1, b"values");
        entry.extend(field(2, &field(2, &tensor)));
        field(map, &entry)
    }

    fn floats(values: &[f32]) -> Vec<u8> {
        field(1, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
    }

    #[test]
    fn reads_dense_and_sparse_records() {
        let mut dense = entry(1, floats(&[1.0, 2.0, 3.0]));
        dense.extend(entry(2, floats(&[7.0])));
        let mut tensor = floats(&[5.0]);
        tensor.extend(field(2, &[2]));
        tensor.extend(field(3, &[4]));
        let mut bytes = frame(&dense);
        bytes.extend(frame(&entry(1, tensor)));
        let records = read(&bytes).unwrap();
        assert_eq!(records.labels, [7.0]);
        let expected = Sparse {
            offsets: vec![0, 3, 4],
            indices: vec![0, 1, 2, 2],
            values: vec![1.0, 2.0, 3.0, 5.0],
            columns: 4,
        };
        assert_eq!(records.features, expected);
    }

    #[test]
    fn writes_what_it_would_read_as_labels() {
        let mut bytes = Vec::new();
        write(&mut bytes, &[("score", vec![0.5])]);
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(read(&bytes).unwrap().labels, [0.5]);
    }

    #[test]
    fn broken_records_are_errors() {
        assert!(read(b"hello, this is text").unwrap_err().contains("magic"));
        let mut bytes = Vec::new();
        write(&mut bytes, &[("score", vec![0.5])]);
        assert!(read(&bytes[..10]).unwrap_err().contains("shorter"));
        assert!(read(&frame(&[0xff; 12])).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut tensor = floats(&[5.0, 6.0]);
        tensor.extend(field(2, &[2, 0xff, 1]));
        tensor.extend(field(3, &[4]));
        let good = frame(&entry(1, tensor));
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = good.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 20) as u8;
            }
            let _ = read(&bytes);
        }
    }
}
