//! Integers by pictures: `$formatInteger`, `$parseInteger` and the numbers in dates. Roman numerals, letters,
//! English words and digits with grouping separators, as the reference has them; numbers are JavaScript's.

use std::collections::HashMap;
use std::sync::OnceLock;

use regex::Regex;

use crate::environment;
use crate::value::js_number_to_string;

/// Why a picture or what it is given does not do. The message begins with the reference's code, if it has one.
pub(crate) type PictureError = String;

/// What an engine of JavaScript says of a recursion without end.
const STACK_OVERFLOW: &str = "Maximum call stack size exceeded";
/// The largest number in Roman numerals: beyond it the reference's recursion overflows its stack.
const ROMAN_MAX: f64 = 1e7;

/// `$formatInteger`.
pub(crate) fn format(value: f64, picture: &str) -> Result<String, PictureError> {
    Format::analyse(picture)?.format(value.floor())
}

/// `$parseInteger`. What does not fit the picture is not refused, as in the reference: it is some number, or NaN.
pub(crate) fn parse(text: &str, picture: &str) -> Result<f64, PictureError> {
    let format = Format::analyse(picture)?;
    environment::steps(16)?;
    format.regex()?;
    format.parse(text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Upper,
    Lower,
    Title,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Primary {
    Decimal,
    Letters,
    Roman,
    Words,
    /// A numbering sequence, which nobody supports.
    Sequence,
}

#[derive(Clone, Debug)]
struct Separator {
    position: usize,
    character: char,
}

/// A picture, analysed.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    primary: Primary,
    case: Case,
    ordinal: bool,
    zero: u32,
    /// NaN where the picture has no digits: JavaScript's `undefined` in comparisons.
    pub mandatory_digits: f64,
    pub optional_digits: f64,
    /// The separators stand at equal distances: only the first is kept.
    pub regular: bool,
    separators: Vec<Separator>,
    /// The picture without its modifier.
    token: String,
    /// How many digits a date's parser takes; none: as many as there are.
    pub digits_taken: Option<String>,
}

impl Format {
    pub(crate) fn analyse(picture: &str) -> Result<Format, PictureError> {
        environment::steps(4 + picture.len() / 16)?;
        let (token, modifier) = picture.rsplit_once(';').unwrap_or((picture, ""));
        let mut format = Format {
            primary: Primary::Decimal,
            case: Case::Lower,
            ordinal: modifier.starts_with('o'),
            zero: 0x30,
            mandatory_digits: f64::NAN,
            optional_digits: f64::NAN,
            regular: false,
            separators: Vec::new(),
            token: token.to_owned(),
            digits_taken: None,
        };
        (format.primary, format.case) = match token {
            "A" => (Primary::Letters, Case::Upper),
            "a" => (Primary::Letters, Case::Lower),
            "I" => (Primary::Roman, Case::Upper),
            "i" => (Primary::Roman, Case::Lower),
            "W" => (Primary::Words, Case::Upper),
            "Ww" => (Primary::Words, Case::Title),
            "w" => (Primary::Words, Case::Lower),
            _ => {
                format.digits(token)?;
                return Ok(format);
            }
        };
        Ok(format)
    }

    fn digits(&mut self, token: &str) -> Result<(), PictureError> {
        let mut zero = None;
        let (mut mandatory, mut optional, mut position) = (0, 0, 0);
        let mut separators = Vec::new();
        for character in token.chars().rev() {
            let code = character as u32;
            if let Some(group) = DIGITS.iter().find(|zero| (**zero..**zero + 10).contains(&code)) {
                mandatory += 1;
                position += 1;
                if *zero.get_or_insert(*group) != *group {
                    return Err("D3131: In a decimal digit pattern, all digits must be from the same decimal group".into());
                }
            } else if character == '#' {
                optional += 1;
                position += 1;
            } else {
                separators.push(Separator { position, character });
            }
        }
        let Some(zero) = zero else {
            self.primary = Primary::Sequence;
            return Ok(());
        };
        self.zero = zero;
        self.mandatory_digits = f64::from(mandatory);
        self.optional_digits = f64::from(optional);
        // Each is looked for among all.
        environment::steps(separators.len().saturating_mul(separators.len()) / 512)?;
        if let Some(distance) = distance(&separators) {
            self.regular = true;
            separators.truncate(1);
            separators[0].position = distance;
        }
        self.separators = separators;
        Ok(())
    }

    /// The separator that stands at equal distances.
    pub(crate) fn regular_separator(&self) -> Option<char> {
        self.regular.then(|| self.separators[0].character)
    }

    pub(crate) fn format(&self, value: f64) -> Result<String, PictureError> {
        let negative = value < 0.0;
        let value = value.abs();
        let cased = |text: String| match self.case {
            Case::Upper => text.to_uppercase(),
            Case::Lower => text.to_lowercase(),
            Case::Title => text,
        };
        let formatted = match self.primary {
            Primary::Letters => cased(letters(value)?),
            Primary::Roman => cased(roman(value)?),
            Primary::Words => cased(words(value, self.ordinal)?),
            Primary::Decimal => self.decimal(value)?,
            Primary::Sequence => return Err(self.unsupported()),
        };
        Ok(if negative { format!("-{formatted}") } else { formatted })
    }

    fn decimal(&self, value: f64) -> Result<String, PictureError> {
        let plain = plain_text(value);
        let padding = self.mandatory_digits - plain.len() as f64;
        let padding = if padding > 0.0 { padding as usize } else { 0 };
        environment::hold(padding)?;
        let mut digits: Vec<char> =
            std::iter::repeat_n('0', padding).chain(plain.chars()).collect();
        if self.zero != 0x30 {
            for digit in &mut digits {
                *digit = char::from_u32(*digit as u32 + self.zero - 0x30).unwrap_or('\u{fffd}');
            }
        }
        if self.regular {
            let Separator { position, character } = self.separators[0];
            environment::steps((digits.len() / position).saturating_mul(digits.len()) / 4096)?;
            for group in (1..=digits.len().saturating_sub(1) / position).rev() {
                digits.insert(digits.len() - group * position, character);
            }
        } else {
            environment::steps(self.separators.len().saturating_mul(digits.len()) / 4096)?;
            for Separator { position, character } in self.separators.iter().rev() {
                // JavaScript counts a place before the beginning from the end.
                let after = match digits.len().checked_sub(*position) {
                    Some(place) => digits.split_off(place),
                    None => {
                        let taken = (position - digits.len()).min(digits.len());
                        let after = digits.split_off(digits.len() - taken);
                        digits.clear();
                        after
                    }
                };
                digits.push(*character);
                digits.extend(after);
            }
        }
        let mut formatted: String = digits.iter().collect();
        if self.ordinal {
            let before_last = digits.len().checked_sub(2).map(|at| digits[at]);
            formatted.push_str(match digits.last() {
                _ if before_last == Some('1') => "th",
                Some('1') => "st",
                Some('2') => "nd",
                Some('3') => "rd",
                _ => "th",
            });
        }
        Ok(formatted)
    }

    fn unsupported(&self) -> PictureError {
        format!(
            "D3130: Formatting or parsing an integer as a sequence starting with {} is not supported by this implementation",
            serde_json::Value::from(self.token.as_str())
        )
    }

    /// A pattern for what this picture writes; letters of either case are meant.
    pub(crate) fn regex(&self) -> Result<String, PictureError> {
        Ok(match self.primary {
            Primary::Letters => "[A-Z]+".into(),
            Primary::Roman => "[MDCLXVI]+".into(),
            Primary::Words => {
                let mut words: Vec<&str> = word_values().keys().map(String::as_str).collect();
                // The longest first, so that none hides behind its beginning.
                words.sort_unstable_by_key(|word| (std::cmp::Reverse(word.len()), *word));
                format!("(?:{}|and|[\\-, ])+", words.join("|"))
            }
            Primary::Decimal => {
                let taken = self.digits_taken.as_deref().unwrap_or("+");
                format!("[0-9]{taken}{}", if self.ordinal { "(?:th|st|nd|rd)" } else { "" })
            }
            Primary::Sequence => return Err(self.unsupported()),
        })
    }

    pub(crate) fn parse(&self, text: &str) -> Result<f64, PictureError> {
        let upper = self.case == Case::Upper;
        match self.primary {
            Primary::Letters => Ok(letters_value(text, if upper { 'A' } else { 'a' })),
            Primary::Roman if upper => Ok(roman_value(text)),
            Primary::Roman => Ok(roman_value(&text.to_uppercase())),
            Primary::Words => Ok(words_value(&text.to_lowercase())),
            Primary::Decimal => self.decimal_value(text),
            Primary::Sequence => Err(self.unsupported()),
        }
    }

    fn decimal_value(&self, text: &str) -> Result<f64, PictureError> {
        let length = text.chars().count();
        let kept = if self.ordinal { length.saturating_sub(2) } else { length };
        // The reference takes a comma for any separator that is regular.
        let separates = |character: char| match self.regular {
            true => character == ',',
            false => self.separators.iter().any(|separator| separator.character == character),
        };
        let mut digits = String::new();
        for character in text.chars().take(kept).filter(|character| !separates(*character)) {
            let code = i64::from(character as u32) - i64::from(self.zero) + 0x30;
            match u32::try_from(code) {
                Ok(code) => digits.push(char::from_u32(code).unwrap_or('\u{fffd}')),
                Err(_) => return Err(format!("Invalid code point {code}")),
            }
        }
        Ok(parse_int(&digits))
    }
}

/// JavaScript's `parseInt`: a sign, then as many digits as there are; hexadecimal after `0x`.
pub(crate) fn parse_int(text: &str) -> f64 {
    let text = text.trim_start();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if let Some(rest) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let digits = rest.chars().map_while(|digit| digit.to_digit(16));
        return sign
            * digits.fold(f64::NAN, |sum, digit| {
                (if sum.is_nan() { 0.0 } else { sum * 16.0 }) + f64::from(digit)
            });
    }
    let end = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
    sign * text[..end].parse::<f64>().unwrap_or(f64::NAN)
}

/// A number as JavaScript makes a text of it.
pub(crate) fn plain_text(value: f64) -> String {
    if value.is_finite() {
        js_number_to_string(value)
    } else if value.is_nan() {
        "NaN".into()
    } else if value > 0.0 {
        "Infinity".into()
    } else {
        "-Infinity".into()
    }
}

/// The distance of separators that are alike and stand at 1, 2, 3 … times the same place.
fn distance(separators: &[Separator]) -> Option<usize> {
    let first = separators.first()?;
    if separators.iter().any(|separator| separator.character != first.character) {
        return None;
    }
    let common = separators.iter().fold(0, |common, separator| gcd(common, separator.position));
    let stands = |place: usize| separators.iter().any(|separator| separator.position == place);
    (common > 0 && (1..=separators.len()).all(|index| stands(index * common))).then_some(common)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn letters(mut value: f64) -> Result<String, PictureError> {
    if value.is_infinite() {
        return Err(environment::OUT_OF_STEPS.into());
    }
    let mut letters = Vec::new();
    while value > 0.0 {
        letters.push(char::from(b'a' + ((value - 1.0) % 26.0) as u8));
        value = ((value - 1.0) / 26.0).floor();
    }
    environment::steps(letters.len() / 2)?;
    Ok(letters.iter().rev().collect())
}

fn letters_value(text: &str, first: char) -> f64 {
    let units: Vec<u16> = text.encode_utf16().collect();
    units.iter().rev().enumerate().fold(0.0, |sum, (place, unit)| {
        sum + (f64::from(*unit) - f64::from(first as u32) + 1.0) * 26f64.powi(place as i32)
    })
}

const NUMERALS: [(f64, &str); 13] = [
    (1000.0, "m"),
    (900.0, "cm"),
    (500.0, "d"),
    (400.0, "cd"),
    (100.0, "c"),
    (90.0, "xc"),
    (50.0, "l"),
    (40.0, "xl"),
    (10.0, "x"),
    (9.0, "ix"),
    (5.0, "v"),
    (4.0, "iv"),
    (1.0, "i"),
];

fn roman(mut value: f64) -> Result<String, PictureError> {
    if value > ROMAN_MAX {
        return Err(STACK_OVERFLOW.into());
    }
    environment::hold(value as usize / 1000)?;
    environment::steps(value as usize / 16_000)?;
    let mut text = String::new();
    for (worth, numeral) in NUMERALS {
        while value >= worth {
            text.push_str(numeral);
            value -= worth;
        }
    }
    Ok(text)
}

fn roman_value(text: &str) -> f64 {
    let (mut sum, mut most) = (0.0, 1.0);
    for numeral in text.chars().rev() {
        let value = match numeral {
            'M' => 1000.0,
            'D' => 500.0,
            'C' => 100.0,
            'L' => 50.0,
            'X' => 10.0,
            'V' => 5.0,
            'I' => 1.0,
            _ => f64::NAN,
        };
        if value < most {
            sum -= value;
        } else {
            most = value;
            sum += value;
        }
    }
    sum
}

const FEW: [&str; 20] = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
];
const ORDINALS: [&str; 20] = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
];
const DECADES: [&str; 9] =
    ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety", "Hundred"];
const MAGNITUDES: [&str; 4] = ["Thousand", "Million", "Billion", "Trillion"];

fn words(value: f64, ordinal: bool) -> Result<String, PictureError> {
    if !value.is_finite() {
        return Err(STACK_OVERFLOW.into());
    }
    let words = words_of(value, false, ordinal);
    environment::steps(words.len() / 4)?;
    Ok(words)
}

/// `follows`: words stand before these.
fn words_of(value: f64, follows: bool, ordinal: bool) -> String {
    let rest_of = |mut words: String, rest: f64| {
        if rest > 0.0 {
            words.push_str(&words_of(rest, true, ordinal));
        } else if ordinal {
            words.push_str("th");
        }
        words
    };
    if value <= 19.0 {
        let names = if ordinal { ORDINALS } else { FEW };
        format!("{}{}", if follows { " and " } else { "" }, names[value as usize])
    } else if value < 100.0 {
        let mut words =
            format!("{}{}", if follows { " and " } else { "" }, DECADES[value as usize / 10 - 2]);
        let rest = value % 10.0;
        if rest > 0.0 {
            words.push('-');
            words.push_str(&words_of(rest, false, ordinal));
        } else if ordinal {
            words.pop();
            words.push_str("ieth");
        }
        words
    } else if value < 1000.0 {
        let hundreds = FEW[value as usize / 100];
        rest_of(format!("{}{hundreds} Hundred", if follows { ", " } else { "" }), value % 100.0)
    } else {
        let magnitude = ((value.log10() / 3.0).floor() as usize).min(MAGNITUDES.len());
        let factor = 10f64.powi(3 * magnitude as i32);
        let count = (value / factor).floor();
        let words = format!(
            "{}{} {}",
            if follows { ", " } else { "" },
            words_of(count, false, false),
            MAGNITUDES[magnitude - 1]
        );
        rest_of(words, value - count * factor)
    }
}

fn word_values() -> &'static HashMap<String, f64> {
    static VALUES: OnceLock<HashMap<String, f64>> = OnceLock::new();
    VALUES.get_or_init(|| {
        let mut values = HashMap::new();
        for names in [FEW, ORDINALS] {
            for (value, word) in names.iter().enumerate() {
                values.insert(word.to_lowercase(), value as f64);
            }
        }
        for (place, word) in DECADES.iter().enumerate() {
            let (word, value) = (word.to_lowercase(), (place as f64 + 2.0) * 10.0);
            values.insert(format!("{}ieth", &word[..word.len() - 1]), value);
            values.insert(word, value);
        }
        values.insert("hundredth".into(), 100.0);
        for (place, word) in MAGNITUDES.iter().enumerate() {
            let (word, value) = (word.to_lowercase(), 10f64.powi(3 * (place as i32 + 1)));
            values.insert(format!("{word}th"), value);
            values.insert(word, value);
        }
        values
    })
}

fn words_value(text: &str) -> f64 {
    static BETWEEN: OnceLock<Regex> = OnceLock::new();
    let between =
        BETWEEN.get_or_init(|| Regex::new(r",\s|\sand\s|[\s\\-]").expect("a pattern of our own"));
    let mut segments = vec![0.0];
    for word in between.split(text) {
        let value = word_values().get(word).copied().unwrap_or(f64::NAN);
        let last = segments.pop().unwrap_or(f64::NAN);
        if value < 100.0 {
            let mut top = last;
            if top >= 1000.0 {
                segments.push(top);
                top = 0.0;
            }
            segments.push(top + value);
        } else {
            segments.push(last * value);
        }
    }
    segments.iter().sum()
}

/// The zeros of Unicode's decimal digits, as far as the reference knows them.
const DIGITS: [u32; 37] = [
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10,
];
