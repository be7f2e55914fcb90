//! HeadObject: what GetObject would say, without the bytes.

use serde_json::{Map, Value};

use super::Error;
use super::read::Read;
use crate::operation::typed;
use crate::{Caller, Context, Operation};

pub static OPERATION: Operation = Operation {
    name: "HeadObject",
    call: |context, caller, input| Box::pin(typed(context, caller, input, head_object)),
};

async fn head_object(
    context: &Context,
    caller: &Caller,
    read: Read,
) -> Result<Map<String, Value>, Error> {
    Ok(read.resolve(context, caller).await?.2)
}
