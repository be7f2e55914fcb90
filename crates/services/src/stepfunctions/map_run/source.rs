//! From items to children's inputs: selected, batched, by the page.

use std::sync::Arc;

use asl::{Data, Definition, Failure, MapRunSpec, Moment};
use engine::Pending;
use serde_json::{Map, Value};

use super::reader::Items;
use crate::Error;

/// A page of inputs ends when it has so many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// Children's inputs, each with how many items it has.
pub(super) type Page = Vec<(Data, u64)>;

/// Where the inputs come from. It is moved to a thread for each page, since items are read from files.
pub(super) struct Source {
    items: Items,
    spec: Arc<MapRunSpec>,
    definition: Arc<Definition>,
    /// Items that are in inputs.
    pub items_taken: u64,
    /// There are no more.
    pub exhausted: bool,
    /// An item that did not fit into the last batch.
    pending: Option<Value>,
    /// A batch is no larger, whatever the user asks: it is a child's input.
    input_bytes_max: u64,
}

impl Source {
    /// Behind the first `items_taken` items.
    pub async fn new(
        items: Items,
        spec: Arc<MapRunSpec>,
        definition: Arc<Definition>,
        items_taken: u64,
        input_bytes_max: usize,
    ) -> Result<Result<Source, Failure>, Error> {
        let mut source = Source {
            items,
            spec,
            definition,
            items_taken,
            exhausted: false,
            pending: None,
            input_bytes_max: input_bytes_max as u64,
        };
        on_a_thread(move || {
            for _ in 0..items_taken {
                if source.items.next()?.is_none() {
                    break;
                }
            }
            Ok(source)
        })
        .await
    }

    /// All inputs at once.
    pub fn all(
        items: Items,
        spec: Arc<MapRunSpec>,
        definition: Arc<Definition>,
        moment: Moment,
        input_bytes_max: usize,
    ) -> Result<Vec<Value>, Failure> {
        let mut source = Source {
            items,
            spec,
            definition,
            items_taken: 0,
            exhausted: false,
            pending: None,
            input_bytes_max: input_bytes_max as u64,
        };
        let mut inputs = Vec::new();
        while let Some((input, _)) = source.input(moment)? {
            inputs.push(input);
        }
        Ok(inputs)
    }

    /// What it has not given, where that is known without reading it. Batches bounded by their bytes are
    /// not known before they are made.
    pub fn left(&self) -> Pending {
        let items = self.items.left().map(|left| left + u64::from(self.pending.is_some()));
        let items = items.unwrap_or_default();
        let executions = match (self.spec.max_items_per_batch, self.spec.max_input_bytes_per_batch)
        {
            (None, None) => items,
            (Some(most), None) => items.div_ceil(most.max(1)),
            (_, Some(_)) => 0,
        };
        Pending { executions, items }
    }

    /// The next inputs, at most `limit`.
    pub async fn page(
        mut self,
        limit: usize,
        moment: Moment,
    ) -> Result<(Source, Result<Page, Failure>), Error> {
        on_a_thread(move || {
            let page = self.take(limit, moment);
            (self, page)
        })
        .await
    }

    fn take(&mut self, limit: usize, moment: Moment) -> Result<Page, Failure> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < limit && bytes < PAGE_BYTES && !self.exhausted {
            let Some((input, items)) = self.input(moment)? else { break };
            self.items_taken += items;
            let input = Data::from(input);
            bytes += input.len();
            page.push((input, items));
        }
        // A page that begins no child tells that there are none; one that does may be the last.
        if !self.exhausted && self.pending.is_none() {
            self.pending = self.selected(moment)?;
            self.exhausted = self.pending.is_none();
        }
        Ok(page)
    }

    /// The next child's input and how many items it has.
    fn input(&mut self, moment: Moment) -> Result<Option<(Value, u64)>, Failure> {
        let spec = self.spec.clone();
        let batched =
            spec.max_items_per_batch.is_some() || spec.max_input_bytes_per_batch.is_some();
        if !batched {
            return Ok(self.selected(moment)?.map(|item| (item, 1)));
        }
        let items_max = spec.max_items_per_batch.unwrap_or(u64::MAX).max(1);
        let most = self.input_bytes_max;
        let bytes_max = spec.max_input_bytes_per_batch.map_or(most, |asked| asked.min(most));
        let mut batch = Map::new();
        if let Some(input) = &spec.batch_input {
            batch.insert("BatchInput".to_owned(), input.value().clone());
        }
        batch.insert("Items".to_owned(), Value::Array(Vec::new()));
        let mut bytes = Value::Object(batch.clone()).to_string().len() as u64;
        let mut items = Vec::new();
        while (items.len() as u64) < items_max {
            let Some(item) = self.selected(moment)? else { break };
            let more = item.to_string().len() as u64 + u64::from(!items.is_empty());
            if bytes + more > bytes_max && !items.is_empty() {
                self.pending = Some(item);
                break;
            }
            bytes += more;
            items.push(item);
        }
        if items.is_empty() {
            return Ok(None);
        }
        let number = items.len() as u64;
        batch.insert("Items".to_owned(), Value::Array(items));
        Ok(Some((Value::Object(batch), number)))
    }

    /// The next item after ItemSelector.
    fn selected(&mut self, moment: Moment) -> Result<Option<Value>, Failure> {
        if let Some(pending) = self.pending.take() {
            return Ok(Some(pending));
        }
        let Some(item) = self.items.next()? else { return Ok(None) };
        match self.definition.distributed_map(&self.spec.state) {
            Some(map) => self.spec.select(map, item, self.items.source(), moment).map(Some),
            None => Ok(Some(item.value)),
        }
    }
}

/// Files are read and expressions evaluated where they keep nobody waiting.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use asl::Timestamp;
    use asl::event::Tolerance;
    use serde_json::json;

    use super::*;

    const MACHINE: &str = r#"{"StartAt": "M", "States": {"M": {"Type": "Map", "End": true,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                          "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}}}}"#;

    fn pages(
        items: Value,
        limit: usize,
        taken: u64,
        change: impl Fn(&mut MapRunSpec),
    ) -> Vec<Value> {
        let mut spec = MapRunSpec {
            map_run_arn: "run".to_owned(),
            state: "M".into(),
            entered_id: 1,
            input: Data::default(),
            context: Data::default(),
            variables: Vec::new(),
            items: None,
            reader_arguments: None,
            max_items: None,
            max_items_per_batch: None,
            max_input_bytes_per_batch: None,
            batch_input: None,
            writer_arguments: None,
            max_concurrency: 0,
            tolerance: Tolerance::default(),
            redrive_count: 0,
        };
        change(&mut spec);
        let definition = Arc::new(Definition::parse(MACHINE).unwrap());
        let mut source = Source {
            items: Items::of_value(items),
            spec: Arc::new(spec),
            definition,
            items_taken: taken,
            exhausted: false,
            pending: None,
            input_bytes_max: 40,
        };
        for _ in 0..taken {
            source.items.next().unwrap();
        }
        let moment = Moment { now: Timestamp(0), seed: 1 };
        let mut pages = Vec::new();
        while !source.exhausted {
            let page = source.take(limit, moment).unwrap();
            pages.push(page.into_iter().map(|(input, _)| input.into_value()).collect());
        }
        pages
    }

    #[test]
    fn items_come_by_the_page_and_from_where_they_were_left() {
        assert_eq!(pages(json!([1, 2, 3]), 2, 0, |_| ()), [json!([1, 2]), json!([3])]);
        assert_eq!(pages(json!([1, 2, 3]), 3, 0, |_| ()), [json!([1, 2, 3])]);
        assert_eq!(pages(json!([1, 2, 3]), 2, 2, |_| ()), [json!([3])]);
        assert_eq!(pages(json!([]), 2, 0, |_| ()), [json!([])]);
        assert_eq!(pages(json!({"a": 1}), 2, 0, |_| ()), [json!([{"Key": "a", "Value": 1}])]);
    }

    #[test]
    fn batches_are_bounded_by_items_and_bytes() {
        let two = |spec: &mut MapRunSpec| {
            spec.max_items_per_batch = Some(2);
            spec.batch_input = Some(json!({"n": 1}).into());
        };
        let batch = |items: Value| json!({"BatchInput": {"n": 1}, "Items": items});
        assert_eq!(
            pages(json!([1, 2, 3]), 9, 0, two),
            [json!([batch(json!([1, 2])), batch(json!([3]))])]
        );
        // {"Items":[1,2]} has 15 bytes.
        let small = |spec: &mut MapRunSpec| spec.max_input_bytes_per_batch = Some(15);
        assert_eq!(
            pages(json!([1, 2, 3]), 1, 0, small),
            [json!([{"Items": [1, 2]}]), json!([{"Items": [3]}])]
        );
        // No batch is greater than an input may be.
        let large = |spec: &mut MapRunSpec| spec.max_input_bytes_per_batch = Some(1_000);
        let text = "x".repeat(20);
        assert_eq!(
            pages(json!([text, text]), 9, 0, large),
            [json!([{"Items": [text]}, {"Items": [text]}])]
        );
    }

    #[test]
    fn an_item_too_large_for_any_batch_is_one_by_itself() {
        let tiny = |spec: &mut MapRunSpec| spec.max_input_bytes_per_batch = Some(1);
        let expected = [json!([{"Items": [1]}, {"Items": [2]}])];
        assert_eq!(pages(json!([1, 2]), 9, 0, tiny), expected);
    }
}
