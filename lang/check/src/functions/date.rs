//! Functions of dates, and what `+` and `-` do with them.

use std::borrow::Cow;

use mlinfra_api::Value;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, Duration, Month, OffsetDateTime};

use super::{Fault, Needs, Row, int_at, text_at, unfit, wrong};
use crate::quantity::NumberFault;

pub(super) const BODIES: &[Row] = &[
    ("day_of", Needs::All, |_, values| {
        Ok(Value::Int(i64::from(date_at(values)?.day())))
    }),
    ("month_of", Needs::All, |_, values| {
        Ok(Value::Int(i64::from(u8::from(date_at(values)?.month()))))
    }),
    ("months_later", Needs::All, |_, values| months_later(values)),
    ("to_date", Needs::All, |_, values| {
        let text = text_at(values, 0)?;
        match instant(text) {
            Some(_) => Ok(Value::Date(text.to_owned())),
            None => Err(wrong(
                0,
                "this is no date of the calendar",
                "a date is written `2027-06-30`, with a time `2027-06-30T14:00:00Z`",
            )),
        }
    }),
    ("weekday", Needs::All, |_, values| {
        let weekday = date_at(values)?.weekday().to_string();
        Ok(Value::String(weekday.to_lowercase()))
    }),
    ("year_of", Needs::All, |_, values| {
        Ok(Value::Int(i64::from(date_at(values)?.year())))
    }),
];

/// The instant, and whether a time was written; none if the calendar has no such date. A date alone
/// is its first instant.
pub(crate) fn instant(text: &str) -> Option<(OffsetDateTime, bool)> {
    let day = |text: &str| Date::parse(text, &Iso8601::DATE).ok();
    if text.len() == DAY_BYTES {
        // Weeks and days of the year are ISO 8601 too, and no date as it is written here.
        let bytes = text.bytes().enumerate();
        let mut digits = bytes.filter(|(place, _)| ![4, 7].contains(place));
        if !digits.all(|(_, byte)| byte.is_ascii_digit()) {
            return None;
        }
        return Some((day(text)?.midnight().assume_utc(), false));
    }
    let parsed = OffsetDateTime::parse(text, &Rfc3339);
    let instant = parsed.or_else(|error| {
        // Seconds may be left out.
        let parts = text.get(..DAY_BYTES).zip(text.get(DAY_BYTES + 1..));
        let Some((day, clock)) = parts else {
            return Err(error);
        };
        let end = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
        let (clock, zone) = clock.split_at(end);
        match clock.split(':').count() {
            2 => OffsetDateTime::parse(&format!("{day}T{clock}:00{zone}"), &Rfc3339),
            _ => Err(error),
        }
    });
    instant.ok().map(|instant| (instant, true))
}

/// The value as it is compared: dates that are one instant are the same, however written. What
/// holds no date, which may be long, is not copied.
pub(crate) fn comparable(value: &Value) -> Cow<'_, Value> {
    match holds_date(value) {
        true => Cow::Owned(by_instant(value)),
        false => Cow::Borrowed(value),
    }
}

fn holds_date(value: &Value) -> bool {
    match value {
        Value::Date(_) => true,
        Value::List(elements) => elements.iter().any(holds_date),
        Value::Record(entries) => entries.values().any(holds_date),
        _ => false,
    }
}

fn by_instant(value: &Value) -> Value {
    match value {
        Value::Date(text) => instant(text).map_or_else(
            || value.clone(),
            |(instant, _)| {
                Value::List(vec![
                    Value::Int(instant.unix_timestamp()),
                    Value::Int(i64::from(instant.nanosecond())),
                ])
            },
        ),
        Value::List(elements) => Value::List(elements.iter().map(by_instant).collect()),
        Value::Record(entries) => {
            let entries = entries.iter();
            Value::Record(
                entries
                    .map(|(name, one)| (name.clone(), by_instant(one)))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// How long a date without a time is.
const DAY_BYTES: usize = "2027-06-30".len();

fn written(instant: OffsetDateTime, with_time: bool) -> Option<String> {
    match with_time {
        true => instant.format(&Rfc3339).ok(),
        false => Some(day_text(instant.date())),
    }
}

fn day_text(date: Date) -> String {
    let month = u8::from(date.month());
    format!("{:04}-{month:02}-{:02}", date.year(), date.day())
}

/// The date so many seconds later, or earlier; why not, if there is none.
pub(crate) fn later(date: &str, seconds: i64) -> Result<String, &'static str> {
    let Some((begin, with_time)) = instant(date) else {
        return Err("this date has no arithmetic");
    };
    if !with_time && seconds % DAY_SECONDS != 0 {
        return Err("this is no whole number of days");
    }
    let later = begin.checked_add(Duration::seconds(seconds));
    let later = later.and_then(|instant| written(instant, with_time));
    later.ok_or("the calendar ends before that")
}

const DAY_SECONDS: i64 = 86_400;

/// How many seconds lie between two dates.
pub(crate) fn seconds_between(from: &str, to: &str) -> Option<i64> {
    let ((from, _), (to, _)) = (instant(from)?, instant(to)?);
    Some((to - from).whole_seconds())
}

fn date_at(values: &[Value]) -> Result<Date, Fault> {
    match values.first() {
        Some(Value::Date(text)) => Ok(instant(text).ok_or_else(|| unfit(0))?.0.date()),
        _ => Err(unfit(0)),
    }
}

/// The same day so many months later; the month's last day if it has no such day.
fn months_later(values: &[Value]) -> Result<Value, Fault> {
    let Some(Value::Date(text)) = values.first() else {
        return Err(unfit(0));
    };
    let (begin, with_time) = instant(text).ok_or_else(|| unfit(0))?;
    let (date, count) = (begin.date(), int_at(values, 1)?);
    let overflow = || Fault::Number(NumberFault::Overflow);
    let months = i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1;
    let months = months.checked_add(count).ok_or_else(overflow)?;
    let year = i32::try_from(months.div_euclid(12)).map_err(|_| overflow())?;
    let month = u8::try_from(months.rem_euclid(12) + 1).map_err(|_| overflow())?;
    let month = Month::try_from(month).map_err(|_| overflow())?;
    let day = date.day().min(month.length(year));
    let later = Date::from_calendar_date(year, month, day).map_err(|_| overflow())?;
    let later = written(begin.replace_date(later), with_time);
    later.map(Value::Date).ok_or_else(overflow)
}
