//! Batch transform of one input: split into records, filtered, sent to the model, joined, put together.
//! Pure: the model is a function from a request body to an answer body.
//!
//! Source: the DataProcessing, SplitType, BatchStrategy and AssembleWith members of CreateTransformJob.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

/// How a transform job treats its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Processing {
    /// The input is compressed.
    #[serde(default)]
    pub gzip: bool,
    /// Records are lines, or the whole input is one.
    pub split_lines: bool,
    /// One record a request, or as many as fit.
    pub single_record: bool,
    /// Bytes of a request at most.
    pub max_payload: usize,
    /// Results are lines.
    pub assemble_lines: bool,
    /// The records are CSV: filters and the join see columns.
    pub csv: bool,
    /// Which columns the model is sent.
    pub input_filter: Columns,
    /// The result is put behind the input's columns.
    pub join_input: bool,
    /// Which columns of the (joined) result are kept.
    pub output_filter: Columns,
}

/// A JSONPath over the columns of a CSV record: `$`, `$[1:]`, `$[0,-1]`, `$[0,2:4]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Columns {
    /// `$`: as they are.
    #[default]
    All,
    /// Some, in the order named.
    Some(Vec<Pick>),
}

/// A part of a filter between commas.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pick {
    /// One column; negative from the end.
    At(i64),
    /// From the first to before the second; negative from the end.
    Slice(Option<i64>, Option<i64>),
}

impl Columns {
    /// Reads a filter.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Columns, String> {
        let text = text.trim();
        if text == "$" {
            return Ok(Columns::All);
        }
        let wrong = || {
            format!(
                "`{text}` is not a filter that Stepwell understands: write $, $[1:], $[0,-1] and the like"
            )
        };
        let inner =
            text.strip_prefix("$[").and_then(|rest| rest.strip_suffix(']')).ok_or_else(wrong)?;
        let number = |part: &str| match part.trim() {
            "" => Ok(None),
            digits => digits.parse::<i64>().map(Some).map_err(|_| wrong()),
        };
        let picks = inner.split(',').map(|part| match part.split_once(':') {
            Some((from, to)) => Ok(Pick::Slice(number(from)?, number(to)?)),
            None => Ok(Pick::At(number(part)?.ok_or_else(wrong)?)),
        });
        Ok(Columns::Some(picks.collect::<Result<_, String>>()?))
    }

    /// The columns of a record that the filter keeps; what is out of range is not there.
    fn of<'a>(&self, record: &[&'a str]) -> Vec<&'a str> {
        let Columns::Some(picks) = self else { return record.to_vec() };
        let length = record.len() as i64;
        let place = |index: i64| if index < 0 { index + length } else { index };
        let mut kept = Vec::new();
        for pick in picks {
            match pick {
                Pick::At(index) => kept.extend(
                    usize::try_from(place(*index)).ok().and_then(|index| record.get(index)),
                ),
                Pick::Slice(from, to) => {
                    let from = from.map_or(0, place).clamp(0, length) as usize;
                    let to = to.map_or(length, place).clamp(0, length) as usize;
                    kept.extend(record.get(from..to.max(from)).unwrap_or_default());
                }
            }
        }
        kept
    }
}

/// Transforms one input; `model` answers one request.
///
/// # Errors
/// The model's refusal, or what does not fit together, as a text for FailureReason.
pub fn transform(
    processing: &Processing,
    input: &[u8],
    mut model: impl FnMut(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    let unpacked;
    let input = match processing.gzip {
        true => {
            unpacked = unpack(input)?;
            &unpacked
        }
        false => input,
    };
    let records = split(processing, input);
    let mut output = Vec::new();
    let mut batch: Vec<&[u8]> = Vec::new();
    let mut body = Vec::new();
    for record in records {
        let filtered = filtered(processing, record)?;
        if filtered.len() > processing.max_payload {
            return Err(format!(
                "a record of {} bytes is larger than MaxPayloadInMB allows ({} bytes)",
                filtered.len(),
                processing.max_payload
            ));
        }
        let full =
            processing.single_record || body.len() + filtered.len() + 1 > processing.max_payload;
        if full && !batch.is_empty() {
            send(processing, &batch, &body, &mut model, &mut output)?;
            batch.clear();
            body.clear();
        }
        body.extend_from_slice(&filtered);
        if processing.split_lines {
            body.push(b'\n');
        }
        batch.push(record);
    }
    if !batch.is_empty() {
        send(processing, &batch, &body, &mut model, &mut output)?;
    }
    Ok(output)
}

fn unpack(input: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let read = flate2::read::MultiGzDecoder::new(input).read_to_end(&mut unpacked);
    read.map_err(|error| format!("cannot be decompressed: {error}"))?;
    Ok(unpacked)
}

/// The records of an input. Blank lines are none.
fn split<'a>(processing: &Processing, input: &'a [u8]) -> Vec<&'a [u8]> {
    if !processing.split_lines {
        return if input.is_empty() { Vec::new() } else { vec![input] };
    }
    let lines =
        input.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty()).collect()
}

/// What the model is sent of a record (of an unsplit input: of each of its lines).
fn filtered(processing: &Processing, record: &[u8]) -> Result<Vec<u8>, String> {
    if processing.input_filter == Columns::All {
        return Ok(record.to_vec());
    }
    let rows = parse(record)?;
    let rows = rows.iter().map(|row| {
        processing.input_filter.of(&texts(row)).into_iter().map(str::to_owned).collect()
    });
    write(rows, !processing.split_lines)
}

fn send(
    processing: &Processing,
    records: &[&[u8]],
    body: &[u8],
    model: &mut impl FnMut(&[u8]) -> Result<Vec<u8>, String>,
    output: &mut Vec<u8>,
) -> Result<(), String> {
    let answer = model(body)?;
    if processing.output_filter == Columns::All && !processing.join_input {
        output.extend_from_slice(&answer);
        if processing.assemble_lines && !answer.is_empty() && !answer.ends_with(b"\n") {
            output.push(b'\n');
        }
        return Ok(());
    }
    let results = parse(&answer)?;
    if !processing.join_input {
        let rows = results.iter().map(|row| {
            processing.output_filter.of(&texts(row)).into_iter().map(str::to_owned).collect()
        });
        output.extend(write(rows, processing.assemble_lines)?);
        return Ok(());
    }
    let inputs = parse(&records.join(&b'\n'))?;
    if inputs.len() != results.len() {
        return Err(format!(
            "cannot join input and result: {} records went in, {} results came out",
            inputs.len(),
            results.len()
        ));
    }
    let rows = inputs.iter().zip(&results).map(|(input, result)| {
        let mut joined = texts(input);
        joined.extend(texts(result));
        processing.output_filter.of(&joined).into_iter().map(str::to_owned).collect()
    });
    output.extend(write(rows, processing.assemble_lines)?);
    Ok(())
}

fn parse(text: &[u8]) -> Result<Vec<csv::StringRecord>, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    reader
        .records()
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the data is not CSV: {error}"))
}

fn texts(record: &csv::StringRecord) -> Vec<&str> {
    record.iter().collect()
}

fn write(rows: impl Iterator<Item = Vec<String>>, line_ends: bool) -> Result<Vec<u8>, String> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(|error| error.to_string())?;
    }
    let mut written = writer.into_inner().map_err(|error| error.to_string())?;
    if !line_ends && written.ends_with(b"\n") {
        written.pop();
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn processing() -> Processing {
        Processing {
            gzip: false,
            split_lines: true,
            single_record: false,
            max_payload: 6 << 20,
            assemble_lines: true,
            csv: true,
            input_filter: Columns::All,
            join_input: false,
            output_filter: Columns::All,
        }
    }

    /// A model that answers each line with the number of its columns, which it counts by commas.
    fn columns(body: &[u8]) -> Result<Vec<u8>, String> {
        let text = String::from_utf8_lossy(body);
        Ok(text
            .lines()
            .map(|line| format!("{}\n", line.split(',').count()))
            .collect::<String>()
            .into_bytes())
    }

    fn run(processing: &Processing, input: &str) -> String {
        String::from_utf8(transform(processing, input.as_bytes(), columns).unwrap()).unwrap()
    }

    #[test]
    fn compressed_inputs_are_unpacked_first() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"1,2\n3,4\n").unwrap();
        let packed = packed.finish().unwrap();
        let processing = Processing { gzip: true, ..processing() };
        let seen = |input: &[u8]| {
            let mut seen = Vec::new();
            let done = transform(&processing, input, |body| {
                seen.extend_from_slice(body);
                Ok(b"5\n6\n".to_vec())
            });
            done.map(|_| String::from_utf8(seen).unwrap())
        };
        let plain =
            transform(&Processing { gzip: false, ..processing.clone() }, b"1,2\n3,4\n", |body| {
                assert_eq!(seen(&packed).unwrap().as_bytes(), body);
                Ok(b"5\n6\n".to_vec())
            });
        assert_eq!(plain, transform(&processing, &packed, |_| Ok(b"5\n6\n".to_vec())));
        assert!(seen(b"1,2\n").unwrap_err().starts_with("cannot be decompressed"));
    }

    #[test]
    fn filters_join_and_filter() {
        let mut processing = processing();
        assert_eq!(run(&processing, "9,1,2\n8,3,4\n"), "3\n3\n");
        processing.input_filter = Columns::parse("$[1:]").unwrap();
        assert_eq!(run(&processing, "9,1,2\n8,3,4"), "2\n2\n");
        processing.join_input = true;
        assert_eq!(run(&processing, "9,\"a,b\",2\n8,3,4\n"), "9,\"a,b\",2,3\n8,3,4,2\n");
        processing.output_filter = Columns::parse("$[0,-1]").unwrap();
        assert_eq!(run(&processing, "9,1,2\n8,3,4\n"), "9,2\n8,2\n");
    }

    #[test]
    fn requests_hold_as_many_records_as_fit() {
        let count = |processing: &Processing, input: &str| {
            let mut requests = 0;
            transform(processing, input.as_bytes(), |body| {
                requests += 1;
                columns(body)
            })
            .unwrap();
            requests
        };
        let mut processing = processing();
        assert_eq!(count(&processing, "1,2\n3,4\n5,6\n"), 1);
        processing.max_payload = 8;
        assert_eq!(count(&processing, "1,2\n3,4\n5,6\n"), 2);
        processing.single_record = true;
        assert_eq!(count(&processing, "1,2\n3,4\n5,6\n"), 3);
        processing.max_payload = 2;
        assert!(transform(&processing, b"1,2\n", columns).is_err());
    }

    #[test]
    fn filters_are_read_or_refused() {
        for (text, kept) in [
            ("$", "a,b,c"),
            ("$[0]", "a"),
            ("$[-1]", "c"),
            ("$[1:]", "b,c"),
            ("$[:-1]", "a,b"),
            ("$[0,2:9]", "a,c"),
            ("$[7]", ""),
        ] {
            assert_eq!(
                Columns::parse(text).unwrap().of(&["a", "b", "c"]).join(","),
                kept,
                "{text}"
            );
        }
        for bad in ["", "$.a", "$[x]", "$[1", "1", "$[]"] {
            assert!(Columns::parse(bad).is_err(), "{bad}");
        }
    }
}
