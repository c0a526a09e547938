//! The values of options, read.

use super::dialect::Object;
use super::limits::MAX_NUMBERS;
use super::options::{Fields, Kind};
use serde_json::{Value, json};

/// Puts what an option says into the parameters of a call.
pub(super) fn set(fields: Fields, value: Option<&str>, params: &mut Object) -> Result<(), String> {
    let text = value.unwrap_or_default();
    for (key, kind) in fields {
        let value = match kind {
            Kind::Bool(value) => json!(value),
            Kind::Int(value) => json!(value),
            Kind::Word(word) => json!(word),
            Kind::NumberIfGiven if value.is_none() => continue,
            Kind::Number | Kind::NumberIfGiven => json!(number(text)?),
            Kind::Decimal => json!(decimal(text)?),
            Kind::Text => json!(text),
            Kind::Time => json!(minutes(text)?),
            Kind::Days => json!(days(text)?),
            Kind::Files => json!(files(text)?),
            Kind::Words => {
                let words = text.split(',').filter(|word| !word.is_empty());
                extended(params.remove(*key), words.map(|word| json!(word)))
            }
            Kind::OneText => extended(params.remove(*key), [json!(text)]),
            Kind::OneNumber => extended(params.remove(*key), [json!(number(text)?)]),
        };
        params.insert((*key).to_owned(), value);
    }
    Ok(())
}

fn extended(list: Option<Value>, more: impl IntoIterator<Item = Value>) -> Value {
    let mut list = match list {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    list.extend(more);
    Value::Array(list)
}

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| not_a_number(text))
}

fn decimal(text: &str) -> Result<f64, String> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(|| not_a_number(text))
}

fn not_a_number(text: &str) -> String {
    format!("Not a number: '{text}'")
}

/// The numbers of `1,3-5`, each once, in order.
pub(super) fn numbers(text: &str) -> Result<Vec<u64>, String> {
    let mut all = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bound = |text: &str| text.trim().parse::<u64>().map_err(|_| not_a_number(part));
        let (first, last) = (bound(first)?, bound(last)?);
        let more = last.saturating_sub(first);
        if more >= (MAX_NUMBERS - all.len()) as u64 {
            return Err(format!("too many numbers: '{part}'"));
        }
        all.extend(first..=last);
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn files(text: &str) -> Result<Vec<u64>, String> {
    match text {
        "all" => Ok(Vec::new()),
        "" => Err("No files specified!".to_owned()),
        _ => numbers(text),
    }
}

fn minutes(text: &str) -> Result<u32, String> {
    let wrong = || "Please specify the time of day in 'hhmm' format.".to_owned();
    if text.len() != 4 || !text.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let time: u32 = text.parse().map_err(|_| wrong())?;
    let (hours, minutes) = (time / 100, time % 100);
    if hours < 24 && minutes < 60 { Ok(hours * 60 + minutes) } else { Err(wrong()) }
}

/// Sunday may be 0 or 7, and is the lowest bit.
fn days(text: &str) -> Result<u32, String> {
    let wrong = || "Please specify the days of the week in '1-3,4,7' format.".to_owned();
    let days = numbers(text).map_err(|_| wrong())?;
    if days.is_empty() || days.iter().any(|day| *day > 7) {
        return Err(wrong());
    }
    Ok(days.iter().fold(0, |set, day| set | 1 << (day % 7)))
}

/// The `ids` that `-t` asks for; `None` stands for all torrents.
pub(super) fn ids(text: &str) -> Result<Option<Value>, String> {
    match text {
        "all" => return Ok(None),
        "active" => return Ok(Some(json!("recently_active"))),
        _ => {}
    }
    let mut ids: Vec<Value> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            ids.extend(numbers(part)?.into_iter().map(|id| json!(id)));
        } else {
            ids.push(json!(part));
        }
        if ids.len() > MAX_NUMBERS {
            return Err(format!("too many torrents: '{part}'"));
        }
    }
    Ok(Some(match <[Value; 1]>::try_from(ids) {
        Ok([id]) => id,
        Err(ids) => Value::Array(ids),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torrents_are_chosen_in_many_ways() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        for (text, value) in [
            ("7", json!(7)),
            ("1,3-5", json!([1, 3, 4, 5])),
            ("5-5", json!(5)),
            (hash, json!(hash)),
            (&format!("2,{hash}"), json!([2, hash])),
            ("active", json!("recently_active")),
            (",", json!([])),
            ("5-3", json!([])),
        ] {
            assert_eq!(ids(text), Ok(Some(value)), "{text}");
        }
        assert_eq!(ids("all"), Ok(None));
        for wrong in ["1-", "-1", "1-2-3", "0-18446744073709551615", "1-2000000"] {
            assert!(ids(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn days_and_times_are_read_or_refused() {
        assert_eq!(days("1-5"), Ok(0b011_1110));
        assert_eq!(days("1-3,7"), Ok(0b000_1111));
        assert_eq!(days("0-7"), Ok(0b111_1111));
        assert_eq!((minutes("0130"), minutes("2315")), (Ok(90), Ok(23 * 60 + 15)));
        for wrong in ["", "8", "x", "mon"] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "130", "2400", "1260", "12:0", "+130"] {
            assert!(minutes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_grow_and_settings_replace() {
        let mut params = Object::new();
        let mut told = |fields, value| set(fields, Some(value), &mut params);
        assert_eq!(told(&[("labels", Kind::Words)], "a,b"), Ok(()));
        assert_eq!(told(&[("labels", Kind::Words)], "c"), Ok(()));
        assert_eq!(told(&[("tracker_remove", Kind::OneNumber)], "4"), Ok(()));
        assert_eq!(told(&[("files_wanted", Kind::Files)], "all"), Ok(()));
        assert_eq!(told(&[("limit", Kind::Number), ("limited", Kind::Bool(true))], "5"), Ok(()));
        assert_eq!(told(&[("limit", Kind::Number)], "6"), Ok(()));
        assert_eq!(told(&[("limit", Kind::Number)], "abc"), Err("Not a number: 'abc'".to_owned()));
        assert!(told(&[("ratio", Kind::Decimal)], "inf").is_err());
        assert_eq!(told(&[("ratio", Kind::Decimal)], "1.25"), Ok(()));
        let expected = json!({ "labels": ["a", "b", "c"], "tracker_remove": [4], "files_wanted": [], "limit": 6,
            "limited": true, "ratio": 1.25 });
        assert_eq!(Value::Object(params), expected);
    }
}
