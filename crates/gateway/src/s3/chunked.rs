//! `aws-chunked`: a body in chunks with their sizes (and signatures) before them and trailers behind.

use std::io;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use services::Error;
use services::s3::{Algorithm, Hasher};
use sha2::{Digest, Sha256};

use crate::signature::{ChunkSignatures, Fault, Style};

/// The bytes inside the chunks. A checksum in the trailers that does not fit ends the stream with our
/// own `BadDigest`, wrapped in the [`io::Error`], so that nothing is stored; so does a chunk whose
/// signature does not fit, where there are `signatures` to hold them to.
pub(super) fn decode<S>(
    body: S,
    announced: Option<Algorithm>,
    signatures: Option<ChunkSignatures>,
) -> impl Stream<Item = io::Result<Bytes>>
where
    S: Stream<Item = io::Result<Bytes>> + Unpin,
{
    let decoder = Decoder {
        body,
        buffer: BytesMut::new(),
        state: State::Size,
        trailer: announced.map(|algorithm| (algorithm, Hasher::new(algorithm))),
        signed: signatures.map(|signatures| Signed {
            signatures,
            hasher: Sha256::new(),
            given: String::new(),
        }),
    };
    stream::unfold(decoder, |mut decoder| async move {
        match decoder.next().await {
            Ok(None) => None,
            Ok(Some(bytes)) => Some((Ok(bytes), decoder)),
            Err(error) => {
                decoder.state = State::Done;
                Some((Err(error), decoder))
            }
        }
    })
}

struct Decoder<S> {
    body: S,
    buffer: BytesMut,
    state: State,
    trailer: Option<(Algorithm, Hasher)>,
    signed: Option<Signed>,
}

/// The chunk that is being read, where chunks are signed.
struct Signed {
    signatures: ChunkSignatures,
    hasher: Sha256,
    /// Its signature.
    given: String,
}

impl Signed {
    /// Whether the chunk that has ended is the one that was signed.
    fn end(&mut self) -> io::Result<()> {
        let hash = self.hasher.finalize_reset();
        if self.signatures.chunk(&hash, &self.given) { Ok(()) } else { Err(forged()) }
    }
}

fn forged() -> io::Error {
    io::Error::other(Fault::Mismatch.error(Style::Objects))
}

enum State {
    /// Before a chunk's size.
    Size,
    /// So many bytes of the chunk are to come.
    Data(u64),
    /// Before the line end behind a chunk.
    End,
    /// Behind the last chunk.
    Trailers,
    Done,
}

/// The longest line of sizes, signatures or trailers.
const LINE_BYTES_MAX: usize = 8192;

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Decoder<S> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.state {
                State::Size => {
                    let line = self.line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
                    let (size, extension) = line.split_once(';').unwrap_or((&line, ""));
                    let size = size.trim();
                    if let Some(signed) = &mut self.signed {
                        let given = extension.trim().strip_prefix("chunk-signature=");
                        given.ok_or_else(forged)?.clone_into(&mut signed.given);
                    }
                    let size = u64::from_str_radix(size, 16).map_err(|_| {
                        io::Error::other(malformed("a chunk's size is not hexadecimal"))
                    })?;
                    if size == 0
                        && let Some(signed) = &mut self.signed
                    {
                        signed.end()?;
                    }
                    self.state = if size == 0 { State::Trailers } else { State::Data(size) };
                }
                State::Data(left) => {
                    if self.buffer.is_empty() && !self.fill().await? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    let some = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
                    let bytes = self.buffer.split_to(some).freeze();
                    let left = left - some as u64;
                    self.state = if left == 0 { State::End } else { State::Data(left) };
                    if let Some((_, hasher)) = &mut self.trailer {
                        hasher.update(&bytes);
                    }
                    if let Some(signed) = &mut self.signed {
                        signed.hasher.update(&bytes);
                        if left == 0 {
                            signed.end()?;
                        }
                    }
                    return Ok(Some(bytes));
                }
                State::End => {
                    let line = self.line().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
                    if !line.is_empty() {
                        return Err(io::Error::other(malformed("a chunk is longer than its size")));
                    }
                    self.state = State::Size;
                }
                State::Trailers => {
                    let (mut given, mut lines, mut signature) = (None, String::new(), None);
                    while let Some(line) = self.line().await?.filter(|line| !line.is_empty()) {
                        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                        let name = name.trim().to_ascii_lowercase();
                        if name == "x-amz-trailer-signature" {
                            signature = Some(value.trim().to_owned());
                            continue;
                        }
                        lines.push_str(&format!("{name}:{}\n", value.trim()));
                        if let Some((algorithm, _)) = &self.trailer
                            && algorithm.header() == name
                        {
                            given = Some(value.trim().to_owned());
                        }
                    }
                    self.state = State::Done;
                    if let Some(signed) = &mut self.signed
                        && !lines.is_empty()
                    {
                        let signature = signature.ok_or_else(forged)?;
                        if !signed.signatures.trailers(&lines, &signature) {
                            return Err(forged());
                        }
                    }
                    self.verify(given)?;
                }
                State::Done => return Ok(None),
            }
        }
    }

    fn verify(&mut self, given: Option<String>) -> io::Result<()> {
        let Some((algorithm, hasher)) = self.trailer.take() else { return Ok(()) };
        let message = match given {
            Some(given) if given == hasher.finish() => return Ok(()),
            Some(_) => {
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    algorithm.name()
                )
            }
            None => return Err(io::Error::other(malformed("an announced trailer is missing"))),
        };
        Err(io::Error::other(Error::new("BadDigest", message)))
    }

    /// The next line without its end; none at the end of the body.
    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(io::Error::other(malformed("a line of it is too long")));
            }
            if !self.fill().await? {
                let rest = self.buffer.split();
                return Ok((!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned()));
            }
        }
    }

    /// More of the body; whether there was more.
    async fn fill(&mut self) -> io::Result<bool> {
        match self.body.next().await {
            Some(bytes) => {
                self.buffer.extend_from_slice(&bytes?);
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

fn malformed(what: &str) -> Error {
    Error::new("InvalidChunkSizeError", format!("The aws-chunked body cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    /// What comes out, however the body is cut.
    fn check(body: &str, announced: Option<Algorithm>, expected: Result<&str, &str>) {
        for cut in [1, 3, 7, body.len().max(1)] {
            let pieces = body.as_bytes().chunks(cut).map(|piece| Ok(Bytes::copy_from_slice(piece)));
            let decoded = decode(stream::iter(pieces.collect::<Vec<_>>()), announced, None);
            let found = block_on(decoded.boxed_local().collect::<Vec<_>>());
            let found: io::Result<Vec<Bytes>> = found.into_iter().collect();
            let found = found.map(|bytes| String::from_utf8(bytes.concat()).unwrap());
            let found = found.map_err(|error| match error.downcast::<Error>() {
                Ok(error) => error.code.into_owned(),
                Err(error) => error.kind().to_string(),
            });
            assert_eq!(found, expected.map(String::from).map_err(String::from), "{body} by {cut}");
        }
    }

    #[test]
    fn chunks_and_trailers() {
        let crc = Some(Algorithm::Crc32);
        check("5\r\nhello\r\n0\r\n\r\n", None, Ok("hello"));
        check(
            "5;chunk-signature=ab\r\nhello\r\n1;chunk-signature=cd\r\n!\r\n0;chunk-signature=ef\r\n\r\n",
            None,
            Ok("hello!"),
        );
        check("9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n", crc, Ok("123456789"));
        check(
            "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
            crc,
            Err("BadDigest"),
        );
        check("9\r\n123456789\r\n0\r\n\r\n", crc, Err("InvalidChunkSizeError"));
        check("0\r\n\r\n", None, Ok(""));
        check("5\r\nhel", None, Err("unexpected end of file"));
        check("5\r\nhello!\r\n", None, Err("InvalidChunkSizeError"));
        check("zz\r\n", None, Err("InvalidChunkSizeError"));
    }
}
