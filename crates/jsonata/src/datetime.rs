//! `$toMillis` and `$fromMillis`: ISO 8601 and pictures. Dates are JavaScript's: milliseconds in a float, months
//! and days that overflow into the next ones, NaN for what is no date.

use std::sync::OnceLock;

use regex::Regex;

use crate::environment;
use crate::integer_picture::{Case, Format, PictureError, parse_int};
use crate::pattern::Pattern;

const MILLIS_IN_A_DAY: f64 = 86_400_000.0;
/// JavaScript's dates reach 100,000,000 days from the epoch.
const MILLIS_MAX: f64 = 8.64e15;

const MISSING: &str =
    "D3136: The date/time picture string is missing specifiers required to parse the timestamp";

/// `$now()`.
pub(crate) fn now() -> Result<String, PictureError> {
    format(environment::now_millis(), None, None)
}

/// `$toMillis`. `None` is undefined: the text does not fit the picture.
pub(crate) fn parse(text: &str, picture: Option<&str>) -> Result<Option<f64>, PictureError> {
    match picture {
        Some(picture) => parse_by(text, picture),
        None => parse_iso8601(text).map(Some),
    }
}

/// What the reference lets through to JavaScript's own `Date.parse`.
fn parse_iso8601(text: &str) -> Result<f64, PictureError> {
    static ACCEPTED: OnceLock<[Regex; 2]> = OnceLock::new();
    static READ: OnceLock<Regex> = OnceLock::new();
    let accepted = ACCEPTED.get_or_init(|| {
        ["*", "?"].map(|times| {
            Regex::new(&format!(
                r"^[0-9]{{4}}(-[01][0-9]){times}(-[0-3][0-9]){times}(T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]){times}(\.[0-9]+)?([+-][0-2][0-9]:?[0-5][0-9]|Z)?$"
            ))
            .expect("a pattern of our own")
        })
    });
    if !accepted[usize::from(!environment::is_states())].is_match(text) {
        return Err(format!(
            "D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given \"{text}\""
        ));
    }
    let read = READ.get_or_init(|| {
        Regex::new(
            r"^(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?(?:Z|([+-]\d\d):?(\d\d))?$",
        )
        .expect("a pattern of our own")
    });
    environment::steps(8)?;
    let Some(found) = read.captures(text) else { return Ok(f64::NAN) };
    let part = |index: usize| found.get(index).map(|part| part.as_str());
    let number = |index: usize, missing: f64| {
        part(index).map_or(missing, |text| text.parse().unwrap_or(missing))
    };
    let (year, month, day) = (number(1, 0.0), number(2, 1.0), number(3, 1.0));
    let (hour, minute, second) = (number(4, 0.0), number(5, 0.0), number(6, 0.0));
    let fraction: String = part(7).unwrap_or("0").chars().chain("00".chars()).take(3).collect();
    let fraction: f64 = fraction.parse().unwrap_or(0.0);
    let midnight = hour == 24.0 && minute == 0.0 && second == 0.0 && fraction == 0.0;
    let is_date = (1.0..=12.0).contains(&month) && (1.0..=31.0).contains(&day);
    // Only a time of day has an offset.
    if !is_date || hour > 23.0 && !midnight || part(8).is_some() && part(4).is_none() {
        return Ok(f64::NAN);
    }
    let days = days_from_civil(year, month - 1.0) + day - 1.0;
    let time = ((hour * 60.0 + minute) * 60.0 + second) * 1000.0 + fraction;
    let offset = part(8).map_or(0.0, |hours| {
        let sign = if hours.starts_with('-') { -1.0 } else { 1.0 };
        let hours: f64 = hours[1..].parse().unwrap_or(f64::NAN);
        let hours = if hours > 23.0 { f64::NAN } else { hours };
        sign * (hours * 60.0 + number(9, 0.0))
    });
    Ok(days * MILLIS_IN_A_DAY + time - offset * 60_000.0)
}

// ---- JavaScript's calendar ----

/// Days from the epoch to the first of a month; months beyond the year belong to other years.
fn days_from_civil(year: f64, month: f64) -> f64 {
    let year = year + (month / 12.0).floor();
    let month = month.rem_euclid(12.0);
    // The year begins in March, so that February's length does not matter.
    let (year, month) = if month < 2.0 { (year - 1.0, month + 10.0) } else { (year, month - 2.0) };
    let era = (year / 400.0).floor();
    let of_era = year - era * 400.0;
    let of_year = ((153.0 * month + 2.0) / 5.0).floor();
    era * 146_097.0 + of_era * 365.0 + (of_era / 4.0).floor() - (of_era / 100.0).floor() + of_year
        - 719_468.0
}

/// `Date.UTC`: what is no date is NaN, and a year below 100 is one of the twentieth century.
fn utc(year: f64, month: f64, day: f64, time: [f64; 4]) -> f64 {
    let year = year.trunc();
    let year = if (0.0..=99.0).contains(&year) { year + 1900.0 } else { year };
    let days = days_from_civil(year, month.trunc()) + day.trunc() - 1.0;
    let [hour, minute, second, milli] = time.map(f64::trunc);
    clip(days * MILLIS_IN_A_DAY + hour * 3_600_000.0 + minute * 60_000.0 + second * 1000.0 + milli)
}

fn clip(millis: f64) -> f64 {
    if millis.abs() <= MILLIS_MAX { millis.trunc() } else { f64::NAN }
}

/// A point in time and its parts in UTC; all NaN when it is none.
struct Date {
    millis: f64,
    year: f64,
    /// From 0.
    month: f64,
    day: f64,
}

impl Date {
    fn new(millis: f64) -> Date {
        let millis = clip(millis);
        let days = (millis / MILLIS_IN_A_DAY).floor() + 719_468.0;
        let era = (days / 146_097.0).floor();
        let of_era = days - era * 146_097.0;
        let year_of_era = ((of_era - (of_era / 1460.0).floor() + (of_era / 36_524.0).floor()
            - (of_era / 146_096.0).floor())
            / 365.0)
            .floor();
        let of_year = of_era
            - (365.0 * year_of_era + (year_of_era / 4.0).floor() - (year_of_era / 100.0).floor());
        let from_march = ((5.0 * of_year + 2.0) / 153.0).floor();
        let day = of_year - ((153.0 * from_march + 2.0) / 5.0).floor() + 1.0;
        let month = if from_march < 10.0 { from_march + 2.0 } else { from_march - 10.0 };
        let year = year_of_era + era * 400.0 + if month < 2.0 { 1.0 } else { 0.0 };
        Date { millis, year, month, day }
    }

    /// Of the day, in units of so many milliseconds, so many of which make a larger one.
    fn time(&self, unit: f64, most: f64) -> f64 {
        (self.millis / unit).floor().rem_euclid(most)
    }

    fn hour(&self) -> f64 {
        self.time(3_600_000.0, 24.0)
    }
}

/// A month of a year.
#[derive(Clone, Copy)]
struct Month {
    year: f64,
    month: f64,
}

impl Month {
    fn plus(self, months: f64) -> Month {
        let month = self.month + months;
        Month { year: self.year + (month / 12.0).floor(), month: month.rem_euclid(12.0) }
    }

    /// The Monday of the week that holds the first Thursday.
    fn first_week(self) -> f64 {
        let first = utc(self.year, self.month, 1.0, [0.0; 4]);
        let weekday = weekday(first);
        let days = if weekday > 4.0 { 8.0 - weekday } else { 1.0 - weekday };
        first + days * MILLIS_IN_A_DAY
    }
}

/// 1 (Monday) to 7.
fn weekday(millis: f64) -> f64 {
    ((millis / MILLIS_IN_A_DAY).floor() + 3.0).rem_euclid(7.0) + 1.0
}

/// The week of a year or month (`length` months) that a day is in.
fn week(within: Month, length: f64, today: f64, last: f64) -> f64 {
    let since = |start: f64| (today - start) / (MILLIS_IN_A_DAY * 7.0) + 1.0;
    let week = since(within.first_week());
    if week > last && today >= within.plus(length).first_week() {
        1.0
    } else if week < 1.0 {
        since(within.plus(-length).first_week()).floor()
    } else {
        week.floor()
    }
}

/// A component of a date.
#[derive(Clone, Debug, PartialEq)]
enum Fragment {
    Number(f64),
    Text(&'static str),
    /// There is no such component.
    Undefined,
}

fn fragment(date: &Date, component: char) -> Fragment {
    let today = utc(date.year, date.month, date.day, [0.0; 4]);
    let this_year = Month { year: date.year, month: 0.0 };
    let this_month = Month { year: date.year, month: date.month };
    let around = |within: Month, length: f64| {
        if date.millis < within.first_week() {
            within.plus(-length)
        } else if date.millis >= within.plus(length).first_week() {
            within.plus(length)
        } else {
            within
        }
    };
    Fragment::Number(match component {
        'Y' => date.year,
        'M' => date.month + 1.0,
        'D' => date.day,
        'd' => (today - utc(date.year, 0.0, 1.0, [0.0; 4])) / MILLIS_IN_A_DAY + 1.0,
        'F' => weekday(date.millis),
        'W' => week(this_year, 12.0, today, 52.0),
        'w' => week(this_month, 1.0, today, 4.0),
        'X' => around(this_year, 12.0).year,
        'x' => around(this_month, 1.0).month + 1.0,
        'H' => date.hour(),
        'h' if date.hour() % 12.0 == 0.0 => 12.0,
        'h' => date.hour() % 12.0,
        'm' => date.time(60_000.0, 60.0),
        's' => date.time(1000.0, 60.0),
        'f' => date.time(1.0, 1000.0),
        'P' => return Fragment::Text(if date.hour() >= 12.0 { "pm" } else { "am" }),
        'C' | 'E' => return Fragment::Text("ISO"),
        _ => return Fragment::Undefined,
    })
}

// ---- Pictures ----

enum Part {
    Literal(String),
    Marker(Marker),
}

struct Marker {
    component: char,
    /// `,min-max`; NaN for what is no number.
    width: Option<(Option<f64>, Option<f64>)>,
    with_t: bool,
    names: Option<Case>,
    integer: Option<Format>,
    /// To so many digits a year is cut.
    year_digits: Option<f64>,
}

fn default_presentation(component: char) -> Option<&'static str> {
    Some(match component {
        'Y' | 'M' | 'D' | 'd' | 'W' | 'w' | 'X' | 'x' | 'H' | 'h' | 'f' => "1",
        'F' | 'P' | 'C' | 'E' => "n",
        'm' | 's' => "01",
        'Z' | 'z' => "01:01",
        _ => return None,
    })
}

fn analyse(picture: &str) -> Result<Vec<Part>, PictureError> {
    let mut parts = Vec::new();
    let literal = |parts: &mut Vec<Part>, text: &str| {
        if !text.is_empty() {
            parts.push(Part::Literal(text.replace("]]", "]")));
        }
    };
    let mut rest = picture;
    while let Some(open) = rest.find('[') {
        literal(&mut parts, &rest[..open]);
        let after = &rest[open + 1..];
        if let Some(after) = after.strip_prefix('[') {
            parts.push(Part::Literal("[".into()));
            rest = after;
            continue;
        }
        let Some(close) = after.find(']') else {
            return Err("D3135: No matching closing bracket ']' in date/time picture string".into());
        };
        let marker: String = after[..close].split_whitespace().collect();
        let marker = Marker::analyse(&marker)?;
        // Digits of two numbers without anything between them: the first must know how many are its own.
        let is_number = NUMBERS.contains(marker.component) && marker.names.is_none();
        match parts.last_mut() {
            Some(Part::Marker(Marker { integer: Some(before), .. }))
                if is_number && !environment::is_states() && before.mandatory_digits > 0.0 =>
            {
                before.digits_taken = Some(format!("{{{}}}", before.mandatory_digits));
            }
            _ => {}
        }
        parts.push(Part::Marker(marker));
        environment::steps(8)?;
        rest = &after[close + 1..];
    }
    literal(&mut parts, rest);
    Ok(parts)
}

/// Components that are numbers, written by a picture of their own.
const NUMBERS: &str = "YMDdFWwXxHhmsf";

impl Marker {
    /// What stands between brackets, without white space.
    fn analyse(marker: &str) -> Result<Marker, PictureError> {
        let unknown = |component: &str| {
            let component = serde_json::Value::from(component);
            format!("D3132: Unknown component specifier {component} in date/time picture string")
        };
        let Some(component) = marker.chars().next() else { return Err(unknown("")) };
        let (described, width) = match marker.rsplit_once(',') {
            // The comma is the component itself.
            Some(("", width)) => (",", Some(width)),
            Some((described, width)) => (&described[component.len_utf8()..], Some(width)),
            None => (&marker[component.len_utf8()..], None),
        };
        let width = width.map(|width| {
            let number = |text: &str| (text != "*").then(|| parse_int(text));
            match width.split_once('-') {
                Some((min, max)) => (number(min), number(max)),
                None => (number(width), None),
            }
        });
        let mut characters = described.chars();
        let last = characters.next_back();
        let (presentation, modifier) = match last {
            None => match default_presentation(component) {
                Some(presentation) => (presentation, None),
                None => return Err(unknown(&component.to_string())),
            },
            Some('a' | 't' | 'c' | 'o') if !characters.as_str().is_empty() => {
                (characters.as_str(), last)
            }
            Some(_) => (described, None),
        };
        let mut read = Marker {
            component,
            width,
            with_t: modifier == Some('t'),
            names: None,
            integer: None,
            year_digits: None,
        };
        if presentation.starts_with('n') {
            read.names = Some(Case::Lower);
        } else if presentation.starts_with("Nn") {
            read.names = Some(Case::Title);
        } else if presentation.starts_with('N') {
            read.names = Some(Case::Upper);
        } else if NUMBERS.contains(component) {
            read.number(presentation, modifier)?;
        }
        if matches!(component, 'Z' | 'z') {
            read.integer = Some(Format::analyse(presentation)?);
        }
        Ok(read)
    }

    fn number(&mut self, presentation: &str, modifier: Option<char>) -> Result<(), PictureError> {
        let picture = match modifier {
            Some(modifier) => format!("{presentation};{modifier}"),
            None => presentation.to_owned(),
        };
        let mut format = Format::analyse(&picture)?;
        match self.width {
            Some((Some(min), _)) if format.mandatory_digits < min => format.mandatory_digits = min,
            _ => {}
        }
        // 2.0.6 holds months and days to their widths as well.
        let bounded = if environment::is_states() { "YMD" } else { "Y" };
        if bounded.contains(self.component) {
            let written = format.mandatory_digits + format.optional_digits;
            let digits = match self.width {
                Some((_, Some(max))) => {
                    format.mandatory_digits = max;
                    Some(max)
                }
                _ => (written >= 2.0).then_some(written),
            };
            let held = digits.filter(|digits| *digits > 0.0 && environment::is_states());
            if let Some(digits) = held {
                let optional = format.optional_digits;
                format.digits_taken = Some(if optional > 0.0 {
                    format!("{{{},{digits}}}", digits - optional)
                } else {
                    format!("{{{digits}}}")
                });
            }
            if self.component == 'Y' {
                self.year_digits = digits;
            }
        }
        self.integer = Some(format);
        Ok(())
    }

    fn max_width(&self) -> Option<f64> {
        self.width.and_then(|(_, max)| max)
    }

    fn has_no_names(&self) -> PictureError {
        let component = serde_json::Value::from(self.component.to_string());
        format!(
            "D3133: The 'name' modifier can only be applied to months and days in the date/time picture string, not {component}"
        )
    }
}

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

// ---- Formatting ----

/// Hours and minutes of a time zone as `$fromMillis` has it: `+hhmm`.
#[derive(Clone, Copy)]
struct Offset {
    hours: f64,
    minutes: f64,
}

/// `$fromMillis`.
pub(crate) fn format(
    millis: f64,
    picture: Option<&str>,
    timezone: Option<&str>,
) -> Result<String, PictureError> {
    let offset = timezone.map_or(0.0, parse_int);
    let offset = Offset { hours: (offset / 100.0).floor(), minutes: offset % 100.0 };
    let parts =
        analyse(picture.unwrap_or("[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"))?;
    let date = Date::new(millis + (60.0 * offset.hours + offset.minutes) * 60_000.0);
    let mut formatted = String::new();
    for part in &parts {
        match part {
            Part::Literal(text) => formatted.push_str(text),
            Part::Marker(marker) => formatted.push_str(&marker.format(&date, offset)?),
        }
    }
    environment::hold(formatted.len())?;
    Ok(formatted)
}

impl Marker {
    fn format(&self, date: &Date, offset: Offset) -> Result<String, PictureError> {
        if matches!(self.component, 'Z' | 'z') {
            return self.format_zone(offset);
        }
        match fragment(date, self.component) {
            Fragment::Undefined => Ok("undefined".into()),
            Fragment::Text(text) if self.component == 'P' && self.names == Some(Case::Upper) => {
                Ok(text.to_uppercase())
            }
            Fragment::Text(text) => Ok(text.into()),
            Fragment::Number(number) => match (self.names, &self.integer) {
                (None, Some(format)) => format.format(match self.year_digits {
                    Some(digits) => number % 10f64.powf(digits),
                    None => number,
                }),
                // Fractional seconds have no names, and the reference does not see to it.
                _ if self.component == 'f' => {
                    Err("Cannot read properties of undefined (reading 'primary')".into())
                }
                _ => self.format_name(number),
            },
        }
    }

    fn format_name(&self, number: f64) -> Result<String, PictureError> {
        let names: &[&str] = match self.component {
            'M' | 'x' => &MONTHS,
            'F' => &DAYS,
            _ => return Err(self.has_no_names()),
        };
        let Some(name) = names.get(number as usize - usize::from(number >= 1.0)) else {
            return Err("Cannot read properties of undefined (reading 'length')".into());
        };
        if number.is_nan() {
            return match self.names {
                Some(Case::Title) if self.width.is_none() => Ok("undefined".into()),
                _ => Err("Cannot read properties of undefined (reading 'length')".into()),
            };
        }
        let name = match self.names {
            Some(Case::Upper) => name.to_uppercase(),
            Some(Case::Lower) => name.to_lowercase(),
            _ => (*name).to_owned(),
        };
        Ok(match self.max_width() {
            Some(max) if name.len() as f64 > max => name.chars().take(max as usize).collect(),
            _ => name,
        })
    }

    fn format_zone(&self, Offset { hours, minutes }: Offset) -> Result<String, PictureError> {
        let Some(format) = &self.integer else { return Ok(String::new()) };
        let offset = hours * 100.0 + minutes;
        let digits = format.mandatory_digits;
        let mut text = if format.regular || digits == 3.0 || digits == 4.0 {
            format.format(offset)?
        } else if digits == 1.0 || digits == 2.0 {
            let mut text = format.format(hours)?;
            if minutes != 0.0 {
                text.push(':');
                text.push_str(&crate::integer_picture::format(minutes, "00")?);
            }
            text
        } else {
            return Err(
                "D3134: The timezone integer format specifier cannot have more than four digits"
                    .into(),
            );
        };
        if offset >= 0.0 {
            text.insert(0, '+');
        }
        if self.component == 'z' {
            text.insert_str(0, "GMT");
        }
        Ok(if offset == 0.0 && self.with_t { "Z".into() } else { text })
    }
}

// ---- Parsing ----

impl Marker {
    fn regex(&self) -> Result<String, PictureError> {
        if matches!(self.component, 'Z' | 'z') {
            let gmt = if self.component == 'z' { "GMT" } else { "" };
            let minutes = self
                .separator()
                .map(|separator| format!("{}[0-9]+", regex::escape(&separator.to_string())));
            return Ok(format!("{gmt}[-+][0-9]+{}", minutes.unwrap_or_default()));
        }
        match &self.integer {
            Some(_) if self.component == 'f' && !environment::is_states() => Ok("[0-9]+".into()),
            Some(format) => format.regex(),
            None if "MxFP".contains(self.component) => Ok("[a-zA-Z]+".into()),
            None => Err(self.has_no_names()),
        }
    }

    fn separator(&self) -> Option<char> {
        self.integer.as_ref().and_then(Format::regular_separator)
    }

    /// `None` is undefined.
    fn parse(&self, text: &str) -> Result<Option<f64>, PictureError> {
        if matches!(self.component, 'Z' | 'z') {
            return Ok(Some(self.parse_zone(text)));
        }
        match &self.integer {
            Some(_) if self.component == 'f' && !environment::is_states() => {
                let fraction: String = text.chars().take(3).collect();
                Ok(format!("0.{fraction}").parse::<f64>().ok().map(|part| part * 1000.0))
            }
            Some(format) => format.parse(text).map(Some),
            None => Ok(self.parse_name(text)),
        }
    }

    fn parse_zone(&self, text: &str) -> f64 {
        let text = if self.component == 'z' { text.get(3..).unwrap_or("") } else { text };
        let (hours, minutes) = match self.separator() {
            Some(separator) => text.split_once(separator).unwrap_or((text, "")),
            None if text.len() <= 3 => return parse_int(text) * 60.0,
            None => text.split_at_checked(3).unwrap_or((text, "")),
        };
        parse_int(hours) * 60.0 + parse_int(minutes)
    }

    fn parse_name(&self, text: &str) -> Option<f64> {
        let (names, first): (&[&str], f64) = match self.component {
            'P' => (&["am", "pm"], 0.0),
            'F' => (&DAYS, 1.0),
            _ => (&MONTHS, 1.0),
        };
        let max = self.max_width().filter(|max| *max > 0.0 && self.component != 'P');
        // Of names that are cut to the same text the last one counts.
        let place = names.iter().rposition(|name| match max {
            Some(max) => text == &name[..name.len().min(max as usize)],
            None => text == *name || self.component == 'P' && text == name.to_uppercase(),
        })?;
        Some(place as f64 + first)
    }
}

fn parse_by(text: &str, picture: &str) -> Result<Option<f64>, PictureError> {
    let parts = analyse(picture)?;
    let mut pattern = String::from("^");
    for part in &parts {
        pattern.push('(');
        match part {
            Part::Literal(text) => pattern.push_str(&regex::escape(text)),
            Part::Marker(marker) => pattern.push_str(&marker.regex()?),
        }
        pattern.push(')');
    }
    pattern.push('$');
    let regex = Pattern::new(&pattern, "i").map_err(|error| match error.as_str() {
        environment::OUT_OF_STEPS => error,
        _ => format!("Invalid regular expression: /{pattern}/"),
    })?;
    let Some(found) = regex.captures_at(text, 0)? else { return Ok(None) };
    let mut components: Vec<(char, Option<f64>)> = Vec::new();
    for (part, group) in parts.iter().zip(found.into_iter().skip(1)) {
        if let Part::Marker(marker) = part {
            let value = marker.parse(group.map_or("", |(start, end)| &text[start..end]))?;
            components.retain(|(component, _)| *component != marker.component);
            components.push((marker.component, value));
        }
    }
    if components.is_empty() {
        return Ok(None);
    }
    together(components)
}

/// The milliseconds that components make. What is larger than the largest given is today's, what is smaller
/// than the smallest is zero, and nothing in between may be missing.
fn together(given: Vec<(char, Option<f64>)>) -> Result<Option<f64>, PictureError> {
    let value_of = |component: char| {
        given.iter().find(|(given, _)| *given == component).and_then(|(_, value)| *value)
    };
    // JavaScript's truth: a component that is zero does not count here.
    let stands = |component: char| value_of(component).is_some_and(|v| v != 0.0 && !v.is_nan());
    let only = |all: &str, own: &str| {
        all.chars().all(|component| !stands(component) || own.contains(component))
            && own.chars().any(stands)
    };
    let date = |own: &str| only("YXMxWwdD", own);
    let time = |own: &str| only("PHhmsf", own);
    let by_day_of_year = !date("YMD") && date("Yd");
    if date("Xxw") || date("XW") {
        // Dates by weeks are not read by the reference either.
        return Err(MISSING.into());
    }
    let by_half_days = !time("Hmsf") && time("Phmsf");
    let order = match (by_day_of_year, by_half_days) {
        (true, true) => "YDPhmsf",
        (true, false) => "YDHmsf",
        (false, true) => "YMDPhmsf",
        (false, false) => "YMDHmsf",
    };
    let today = Date::new(environment::now_millis());
    let (mut begun, mut ended) = (false, false);
    let mut values: Vec<(char, f64)> = Vec::new();
    for component in order.chars() {
        let value = match value_of(component) {
            Some(_) if ended => return Err(MISSING.into()),
            Some(value) => {
                begun = true;
                value
            }
            None if begun => {
                ended = true;
                if "MD".contains(component) { 1.0 } else { 0.0 }
            }
            None => match fragment(&today, component) {
                Fragment::Number(number) => number,
                _ => f64::NAN,
            },
        };
        values.push((component, value));
    }
    let value = |component: char| {
        values
            .iter()
            .find(|(known, _)| *known == component)
            .map_or(value_of(component), |(_, value)| Some(*value))
            .unwrap_or(f64::NAN)
    };
    let (mut month, mut day) = (if value('M') > 0.0 { value('M') - 1.0 } else { 0.0 }, value('D'));
    if by_day_of_year {
        let first = utc(value('Y'), 0.0, 1.0, [0.0; 4]);
        let derived = Date::new(first + (value('d') - 1.0) * MILLIS_IN_A_DAY);
        (month, day) = (derived.month, derived.day);
    }
    let mut hour = value('H');
    if by_half_days {
        hour = if value('h') == 12.0 { 0.0 } else { value('h') };
        if value('P') == 1.0 {
            hour += 12.0;
        }
    }
    let mut millis = utc(value('Y'), month, day, [hour, value('m'), value('s'), value('f')]);
    let offset = ['Z', 'z'].into_iter().find(|zone| stands(*zone)).and_then(value_of);
    if let Some(offset) = offset {
        millis -= offset * 60_000.0;
    }
    Ok(Some(millis))
}
