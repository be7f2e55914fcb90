//! The rentals as numbers: what XGBoost's CSV wants has no header, no text, and the label first.

/// One hour: how many bicycles were out, and what the calendar and the weather said.
pub struct Row {
    /// The label.
    pub bikers: f64,
    /// Calendar and weather, in a fixed order.
    pub features: Vec<f64>,
}

/// The hours to learn from, to check against while learning, and to judge by.
pub struct Split {
    /// Eight of ten hours.
    pub train: Vec<Row>,
    /// One of ten.
    pub validation: Vec<Row>,
    /// One of ten, which the model never sees.
    pub test: Vec<Row>,
}

/// `casual` and `registered` add up to the label: they are left out.
const FEATURES: [&str; 12] = [
    "season",
    "mnth",
    "day",
    "hr",
    "holiday",
    "weekday",
    "workingday",
    "weathersit",
    "temp",
    "atemp",
    "hum",
    "windspeed",
];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "March", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec"];

const WEATHER: [&str; 4] = ["clear", "cloudy/misty", "light rain/snow", "heavy rain/snow"];

/// Reads the table and makes numbers of its words.
pub fn read(table: impl std::io::Read) -> anyhow::Result<Vec<Row>> {
    let mut reader = csv::Reader::from_reader(table);
    let header = reader.headers()?.clone();
    let column = |name: &str| {
        header
            .iter()
            .position(|found| found == name)
            .ok_or_else(|| anyhow::anyhow!("there is no column `{name}`"))
    };
    let label = column("bikers")?;
    let columns = FEATURES.iter().map(|name| column(name)).collect::<Result<Vec<_>, _>>()?;
    reader
        .records()
        .map(|record| {
            let record = record?;
            let features =
                columns.iter().map(|column| number(&record[*column])).collect::<Result<_, _>>()?;
            Ok(Row { bikers: number(&record[label])?, features })
        })
        .collect()
}

fn number(cell: &str) -> anyhow::Result<f64> {
    let word = |words: &[&str]| {
        words.iter().position(|word| *word == cell).map(|index| (index + 1) as f64)
    };
    match cell.parse() {
        Ok(number) => Ok(number),
        Err(_) => word(&MONTHS)
            .or_else(|| word(&WEATHER))
            .ok_or_else(|| anyhow::anyhow!("`{cell}` is not known")),
    }
}

/// Every tenth hour judges, every other tenth validates.
pub fn split(rows: Vec<Row>) -> Split {
    let mut split = Split { train: vec![], validation: vec![], test: vec![] };
    for (index, row) in rows.into_iter().enumerate() {
        match index % 10 {
            4 => split.validation.push(row),
            9 => split.test.push(row),
            _ => split.train.push(row),
        }
    }
    split
}

/// The rows as XGBoost reads them, the label first.
pub fn labelled_csv(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let cells = std::iter::once(&row.bikers).chain(&row.features).map(f64::to_string);
        cells.collect::<Vec<_>>().join(",") + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_file_is_known() {
        let rows = read(include_bytes!("../../bikeshare.csv").as_slice()).unwrap();
        assert_eq!(rows.len(), 8645);
        assert_eq!(
            rows[0].features,
            [1.0, 1.0, 1.0, 0.0, 0.0, 6.0, 0.0, 1.0, 0.24, 0.2879, 0.81, 0.0]
        );
        let split = split(rows);
        assert_eq!(labelled_csv(&split.train[..1]), "16,1,1,1,0,0,6,0,1,0.24,0.2879,0.81,0\n");
    }
}
