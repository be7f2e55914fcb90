//! GetObject: an object's bytes, all or some, streamed from its file.

use std::io::SeekFrom;

use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::read::Read;
use super::{Error, error, request};
use crate::{Body, Caller, Context, Input, Operation, Output};

pub static OPERATION: Operation = Operation {
    name: "GetObject",
    call: |context, caller, input| Box::pin(get_object(context, caller, input)),
};

/// How much is read at once.
const CHUNK_BYTES: usize = 256 << 10;

async fn get_object(context: &Context, caller: &Caller, input: Input) -> Result<Output, Error> {
    super::refuse::refuse(&input.members)?;
    let read: Read = request(input.members)?;
    let mut missed = None;
    loop {
        let (object, range, members) = read.resolve(context, caller).await?;
        let path = context.objects.files.path(&object.file);
        match tokio::fs::File::open(path).await {
            Ok(file) => {
                let body = stream(file, range)
                    .await
                    .map_err(|error| context.objects.files.error(error))?;
                return Ok(Output { members: members.into(), body: Some(body) });
            }
            // Overwritten between the record and the file: the record has another file now.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    && missed.as_ref() != Some(&object.file) =>
            {
                missed = Some(object.file);
            }
            Err(error) => {
                tracing::error!(file = object.file, %error, "an object's file cannot be read");
                return Err(error::internal("the object's bytes cannot be read"));
            }
        }
    }
}

/// These bytes of a file.
pub(super) async fn stream(
    mut file: tokio::fs::File,
    range: std::ops::Range<u64>,
) -> std::io::Result<Body> {
    file.seek(SeekFrom::Start(range.start)).await?;
    let part = file.take(range.end - range.start);
    Ok(ReaderStream::with_capacity(part, CHUNK_BYTES).boxed())
}
