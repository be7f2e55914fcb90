//! Numbers as texts: `$formatNumber` by its pictures, `$formatBase`, and the rounding both rest on, as the
//! reference has them, its slips included.

use indexmap::IndexMap;

use crate::environment;
use crate::integer_picture::{PictureError, plain_text};
use crate::value::{JValue, js_number_to_string};

/// `$round`: to the nearest, halves to the even one. The point is shifted in the text of the number, so that
/// multiplication does not spoil it.
pub(crate) fn round(value: f64, precision: f64) -> f64 {
    let shifted = shift(value, precision);
    let floor = shifted.floor();
    let mut rounded = if shifted - floor >= 0.5 { floor + 1.0 } else { floor };
    if (rounded - shifted).abs() == 0.5 && (rounded % 2.0).abs() == 1.0 {
        rounded -= 1.0;
    }
    // Not -0.
    shift(rounded, -precision) + 0.0
}

/// The number times a power of ten.
fn shift(value: f64, places: f64) -> f64 {
    if places == 0.0 || !value.is_finite() {
        return value;
    }
    let text = js_number_to_string(value);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: f64 = exponent.parse().unwrap_or(0.0);
    if (exponent + places).fract() != 0.0 {
        return f64::NAN;
    }
    format!("{digits}e{}", exponent + places).parse().unwrap_or(f64::NAN)
}

/// `$formatBase`.
pub(crate) fn format_base(value: f64, radix: Option<f64>) -> Result<String, PictureError> {
    let value = round(value, 0.0);
    let radix = radix.map_or(10.0, |radix| round(radix, 0.0));
    if !(2.0..=36.0).contains(&radix) {
        return Err(format!(
            "D3100: The radix of the formatBase function must be between 2 and 36.  It was given {}",
            JValue::Number(radix)
        ));
    }
    if radix == 10.0 || !value.is_finite() {
        return Ok(plain_text(value));
    }
    let mut rest = value.abs();
    let mut digits = Vec::new();
    // Digits that a float does not hold are zeros.
    while rest / radix >= 9_007_199_254_740_992.0 {
        rest /= radix;
        digits.push('0');
    }
    loop {
        let digit = rest % radix;
        digits.push(char::from_digit(digit as u32, radix as u32).unwrap_or('0'));
        rest = (rest - digit) / radix;
        if rest <= 0.0 {
            break;
        }
    }
    environment::steps(digits.len() / 8)?;
    if value < 0.0 {
        digits.push('-');
    }
    Ok(digits.iter().rev().collect())
}

/// `$formatNumber`.
pub(crate) fn format_number(
    value: f64,
    picture: &str,
    options: Option<&IndexMap<String, JValue>>,
) -> Result<String, PictureError> {
    environment::steps(16 + picture.len() / 2)?;
    let symbols = Symbols::new(options);
    let separator = text(&symbols.pattern_separator);
    let pictures: Vec<&str> = picture.split(&separator).collect();
    if separator.is_empty() || pictures.len() > 2 {
        return Err(
            "D3080: The picture string must only contain a maximum of two sub-pictures".into()
        );
    }
    let parts: Vec<Parts> =
        pictures.into_iter().map(|picture| Parts::split(picture, &symbols)).collect();
    for part in &parts {
        part.validate(&symbols)?;
    }
    let mut analysed = Vec::new();
    for part in parts {
        analysed.push(Analysed::new(part, &symbols)?);
    }
    let negative = if analysed.len() > 1 {
        analysed.swap_remove(1)
    } else {
        let mut prefix = symbols.minus_sign.clone();
        prefix.extend(&analysed[0].prefix);
        Analysed { prefix, ..analysed[0].clone() }
    };
    let applied = if value >= 0.0 { analysed.swap_remove(0) } else { negative };
    applied.apply(value, &symbols)
}

/// Characters that a picture is made of.
struct Symbols {
    decimal_separator: Vec<char>,
    grouping_separator: Vec<char>,
    exponent_separator: Vec<char>,
    minus_sign: Vec<char>,
    percent: Vec<char>,
    per_mille: Vec<char>,
    zero_digit: Vec<char>,
    digit: Vec<char>,
    pattern_separator: Vec<char>,
}

impl Symbols {
    fn new(options: Option<&IndexMap<String, JValue>>) -> Symbols {
        let symbol = |name: &str, usual: &str| -> Vec<char> {
            match options.and_then(|options| options.get(name)) {
                Some(JValue::String(given)) => given.chars().collect(),
                _ => usual.chars().collect(),
            }
        };
        Symbols {
            decimal_separator: symbol("decimal-separator", "."),
            grouping_separator: symbol("grouping-separator", ","),
            exponent_separator: symbol("exponent-separator", "e"),
            minus_sign: symbol("minus-sign", "-"),
            percent: symbol("percent", "%"),
            per_mille: symbol("per-mille", "\u{2030}"),
            zero_digit: symbol("zero-digit", "0"),
            digit: symbol("digit", "#"),
            pattern_separator: symbol("pattern-separator", ";"),
        }
    }

    /// A digit of the family that begins with the zero.
    fn is_digit(&self, character: char) -> bool {
        self.zero_digit
            .first()
            .is_some_and(|zero| (*zero as u32..*zero as u32 + 10).contains(&(character as u32)))
    }

    /// A digit, also an optional one.
    fn is_place(&self, character: char) -> bool {
        self.is_digit(character) || self.digit == [character]
    }

    fn is_active(&self, character: char) -> bool {
        let one = [character];
        self.is_place(character)
            || self.decimal_separator == one
            || self.exponent_separator == one
            || self.grouping_separator == one
            || self.pattern_separator == one
    }
}

/// A sub-picture in its parts.
struct Parts {
    picture: Vec<char>,
    prefix: Vec<char>,
    suffix: Vec<char>,
    active: Vec<char>,
    mantissa: Vec<char>,
    exponent: Option<Vec<char>>,
    integer: Vec<char>,
    fraction: Vec<char>,
}

impl Parts {
    fn split(picture: &str, symbols: &Symbols) -> Parts {
        let picture: Vec<char> = picture.chars().collect();
        let begins = |character: &char| {
            symbols.is_active(*character) && symbols.exponent_separator != [*character]
        };
        let (start, end) = match (picture.iter().position(begins), picture.iter().rposition(begins))
        {
            (Some(first), Some(last)) => (first, last + 1),
            // AWS refuses such a picture by its code, where jsonata-js 2.0.6 stumbles.
            _ => (0, picture.len()),
        };
        let active = picture[start..end].to_vec();
        let suffix = picture[end..].to_vec();
        let exponent_at =
            find(&picture, &symbols.exponent_separator, start).filter(|at| *at <= end);
        let (mantissa, exponent) = match exponent_at {
            // The place is one in the picture, the part begins at its prefix: so the reference has it.
            Some(at) => (
                active[..at.min(active.len())].to_vec(),
                Some(active[(at + 1).min(active.len())..].to_vec()),
            ),
            None => (active.clone(), None),
        };
        let (integer, fraction) = match find(&mantissa, &symbols.decimal_separator, 0) {
            Some(at) => (mantissa[..at].to_vec(), mantissa[at + 1..].to_vec()),
            None => (mantissa.clone(), suffix.clone()),
        };
        let prefix = picture[..start].to_vec();
        Parts { picture, prefix, suffix, active, mantissa, exponent, integer, fraction }
    }

    /// Of all that is wrong the last is told.
    fn validate(&self, symbols: &Symbols) -> Result<(), PictureError> {
        let first = |symbol: &[char]| find(&self.picture, symbol, 0);
        let twice = |symbol: &[char]| {
            first(symbol).is_some_and(|at| find(&self.picture, symbol, at + 1).is_some())
        };
        let percent = first(&symbols.percent).is_some();
        let per_mille = first(&symbols.per_mille).is_some();
        let grouping = &symbols.grouping_separator;
        let mut error = None;
        let mut wrong = |is_wrong: bool, code: &'static str, message: &'static str| {
            if is_wrong {
                error = Some(format!("{code}: {message}"));
            }
        };
        wrong(
            twice(&symbols.decimal_separator),
            "D3081",
            "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
        );
        wrong(
            twice(&symbols.percent),
            "D3082",
            "The sub-picture must not contain more than one instance of the 'percent' character",
        );
        wrong(
            twice(&symbols.per_mille),
            "D3083",
            "The sub-picture must not contain more than one instance of the 'per-mille' character",
        );
        wrong(
            percent && per_mille,
            "D3084",
            "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
        );
        wrong(
            !self.mantissa.iter().any(|c| symbols.is_place(*c)),
            "D3085",
            "The mantissa part of a sub-picture must contain at least one character that is either an 'optional digit character' or a member of the 'decimal digit family'",
        );
        wrong(
            !self.active.iter().all(|c| symbols.is_active(*c)),
            "D3086",
            "The sub-picture must not contain a passive character that is preceded by an active character and that is followed by another active character",
        );
        match first(&symbols.decimal_separator) {
            Some(at) => {
                let beside = |at: Option<usize>| {
                    at.and_then(|at| self.picture.get(at)).is_some_and(|c| *grouping == [*c])
                };
                wrong(
                    beside(at.checked_sub(1)) || beside(Some(at + 1)),
                    "D3087",
                    "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a 'decimal-separator' character",
                );
            }
            None => wrong(
                self.integer.last().is_some_and(|c| *grouping == [*c]),
                "D3088",
                "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
            ),
        }
        wrong(
            first(&[&grouping[..], grouping].concat()).is_some(),
            "D3089",
            "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
        );
        let before = find(&self.integer, &symbols.digit, 0).map_or(0, |at| at);
        wrong(
            self.integer[..before].iter().any(|c| symbols.is_digit(*c)),
            "D3090",
            "The integer part of the sub-picture must not contain a member of the 'decimal digit family' that is followed by an instance of the 'optional digit character'",
        );
        let after = self
            .fraction
            .iter()
            .rposition(|c| symbols.digit == [*c])
            .unwrap_or(self.fraction.len());
        wrong(
            self.fraction[after..].iter().any(|c| symbols.is_digit(*c)),
            "D3091",
            "The fractional part of the sub-picture must not contain an instance of the 'optional digit character' that is followed by a member of the 'decimal digit family'",
        );
        if let Some(exponent) = &self.exponent {
            wrong(
                !exponent.is_empty() && (percent || per_mille),
                "D3092",
                "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character treated as an 'exponent-separator'",
            );
            wrong(
                exponent.is_empty() || !exponent.iter().all(|c| symbols.is_digit(*c)),
                "D3093",
                "The exponent part of the sub-picture must comprise only of one or more characters that are members of the 'decimal digit family'",
            );
        }
        error.map_or(Ok(()), Err)
    }
}

/// What a sub-picture says of a number.
#[derive(Clone)]
struct Analysed {
    picture: Vec<char>,
    prefix: Vec<char>,
    suffix: Vec<char>,
    integer_groups: Vec<usize>,
    regular_group: usize,
    fraction_groups: Vec<usize>,
    integer_min: usize,
    scaling: usize,
    fraction_min: usize,
    fraction_max: usize,
    exponent_min: usize,
}

impl Analysed {
    fn new(parts: Parts, symbols: &Symbols) -> Result<Analysed, PictureError> {
        // Each group is looked for, and its places counted, in the whole of the picture.
        let separators =
            parts.picture.iter().filter(|c| symbols.grouping_separator.contains(c)).count();
        environment::steps(separators.saturating_mul(parts.picture.len()) / 64)?;
        let digits = |part: &[char]| part.iter().filter(|c| symbols.is_digit(**c)).count();
        let places = |part: &[char]| part.iter().filter(|c| symbols.is_place(**c)).count();
        let groups = |part: &[char], to_left: bool| {
            let mut positions = Vec::new();
            let mut at = find(part, &symbols.grouping_separator, 0);
            while let Some(place) = at {
                let within = place.min(part.len());
                positions.push(places(if to_left { &part[..within] } else { &part[within..] }));
                // The reference goes on in the integer part, whatever part it began in.
                at = find(&parts.integer, &symbols.grouping_separator, place + 1);
            }
            positions
        };
        let integer_groups = groups(&parts.integer, false);
        let fraction_groups = groups(&parts.fraction, true);
        let mut integer_min = digits(&parts.integer);
        let scaling = integer_min;
        let (mut fraction_min, mut fraction_max) =
            (digits(&parts.fraction), places(&parts.fraction));
        let has_exponent = parts.exponent.is_some();
        if integer_min == 0 && fraction_max == 0 {
            if has_exponent {
                (fraction_min, fraction_max) = (1, 1);
            } else {
                integer_min = 1;
            }
        }
        if has_exponent && integer_min == 0 && find(&parts.integer, &symbols.digit, 0).is_some() {
            integer_min = 1;
        }
        if integer_min == 0 && fraction_min == 0 {
            fraction_min = 1;
        }
        Ok(Analysed {
            regular_group: regular(&integer_groups),
            integer_groups,
            fraction_groups,
            integer_min,
            scaling,
            fraction_min,
            fraction_max,
            exponent_min: parts.exponent.as_deref().map_or(0, digits),
            picture: parts.picture,
            prefix: parts.prefix,
            suffix: parts.suffix,
        })
    }

    fn apply(&self, value: f64, symbols: &Symbols) -> Result<String, PictureError> {
        let has = |symbol: &[char]| find(&self.picture, symbol, 0).is_some();
        let mut mantissa = if has(&symbols.percent) {
            value * 100.0
        } else if has(&symbols.per_mille) {
            value * 1000.0
        } else {
            value
        };
        let mut exponent = None;
        if self.exponent_min > 0 {
            let (scaled, power) = self.scale(mantissa)?;
            (mantissa, exponent) = (scaled, Some(power));
        }
        if self.fraction_max > 100 {
            return Err("toFixed() digits argument must be between 0 and 100".into());
        }
        let rounded = round(mantissa, self.fraction_max as f64);
        let mut number = fixed(rounded, self.fraction_max, symbols);
        let point = &symbols.decimal_separator[..];
        match number.iter().position(|c| *c == '.') {
            Some(at) => drop(number.splice(at..=at, point.iter().copied())),
            None => number.extend(point),
        }
        let is_zero = |c: &char| symbols.zero_digit == [*c];
        number.drain(..number.iter().take_while(|c| is_zero(c)).count());
        number.truncate(number.len() - number.iter().rev().take_while(|c| is_zero(c)).count());
        // -1 is JavaScript's "not found".
        let place = |number: &[char]| find(number, point, 0).map_or(-1, |at| at as i64);
        let before = place(&number);
        let left = (self.integer_min as i64 - before).max(0) as usize;
        let right = (self.fraction_min as i64 - (number.len() as i64 - before - 1)).max(0) as usize;
        environment::hold(left + right)?;
        let zeros = |count: usize| symbols.zero_digit.repeat(count);
        number.splice(0..0, zeros(left));
        number.extend(zeros(right));
        let mut before = place(&number);
        let insert = |number: &mut Vec<char>, at: i64| {
            // A negative place counts from the end.
            let length = number.len() as i64;
            let at = if at < 0 { (length + at).max(0) } else { at.min(length) } as usize;
            number.splice(at..at, symbols.grouping_separator.iter().copied());
        };
        if self.regular_group > 0 {
            let group = self.regular_group as i64;
            let groups = (before - 1).div_euclid(group);
            environment::steps((groups.max(0) as usize).saturating_mul(number.len()) / 4096)?;
            for count in 1..=groups {
                insert(&mut number, before - count * group);
            }
        } else {
            for position in &self.integer_groups {
                insert(&mut number, before - *position as i64);
                before += 1;
            }
        }
        let before = place(&number);
        for position in &self.fraction_groups {
            insert(&mut number, *position as i64 + before + 1);
        }
        if !has(point) || place(&number) == number.len() as i64 - 1 {
            number.pop();
        }
        let mut formatted = text(&self.prefix);
        formatted.push_str(&text(&number));
        if let Some(exponent) = exponent {
            let power = fixed(exponent, 0, symbols);
            formatted.push_str(&text(&symbols.exponent_separator));
            if exponent < 0.0 {
                formatted.push_str(&text(&symbols.minus_sign));
            }
            formatted.push_str(&text(&zeros(self.exponent_min.saturating_sub(power.len()))));
            formatted.push_str(&text(&power));
        }
        formatted.push_str(&text(&self.suffix));
        Ok(formatted)
    }

    /// The number with as many digits before its point as the picture has, and the power of ten to that.
    fn scale(&self, number: f64) -> Result<(f64, f64), PictureError> {
        let most = 10f64.powi(self.scaling as i32);
        let least = 10f64.powi(self.scaling as i32 - 1);
        let (mut mantissa, mut power) = (number, 0.0);
        // 2.0.6 never ends with numbers that are not above zero.
        let endless = number.is_infinite() || number <= 0.0 && environment::is_states();
        if endless {
            return Err(environment::OUT_OF_STEPS.into());
        }
        if mantissa != 0.0 {
            while mantissa.abs() < least {
                mantissa *= 10.0;
                power -= 1.0;
            }
            while mantissa.abs() > most {
                mantissa /= 10.0;
                power += 1.0;
            }
        }
        Ok((mantissa, power))
    }
}

/// The distance of groups that stand at 1, 2, 3 … times the same place; 0 if they do not.
fn regular(positions: &[usize]) -> usize {
    fn gcd(a: usize, b: usize) -> usize {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let factor = positions.iter().copied().fold(0, gcd);
    let stands = |index: usize| positions.contains(&(index * factor));
    if (1..=positions.len()).all(stands) { factor } else { 0 }
}

/// JavaScript's `toFixed` of the number without its sign, in the digits of the picture.
fn fixed(number: f64, places: usize, symbols: &Symbols) -> Vec<char> {
    let number = number.abs();
    let plain = if number < 1e21 { format!("{number:.places$}") } else { plain_text(number) };
    let zero = symbols.zero_digit.first().copied().unwrap_or('0');
    plain
        .chars()
        .map(|character| match character.to_digit(10) {
            Some(digit) => char::from_u32(zero as u32 + digit).unwrap_or(character),
            None => character,
        })
        .collect()
}

fn find(text: &[char], part: &[char], from: usize) -> Option<usize> {
    if part.is_empty() {
        return (from <= text.len()).then_some(from);
    }
    let rest = text.get(from..)?;
    rest.windows(part.len()).position(|window| window == part).map(|at| at + from)
}

fn text(characters: &[char]) -> String {
    characters.iter().collect()
}
