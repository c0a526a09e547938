//! When the other pair of limits is on by schedule.

use crate::AltSpeed;
use std::cmp::Ordering;

/// A moment of the local week.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LocalTime {
    /// Sunday is 0.
    pub(crate) weekday: u8,
    /// Since midnight.
    pub(crate) minutes: u16,
}

/// The local time now.
pub(crate) fn local_now() -> LocalTime {
    let now = jiff::ZonedDateTime::now();
    LocalTime {
        weekday: now.weekday().to_sunday_zero_offset().unsigned_abs(),
        minutes: u16::from(now.hour().unsigned_abs()) * 60 + u16::from(now.minute().unsigned_abs()),
    }
}

/// Whether the schedule has the other limits on at `at`. A span that ends before it begins ends on the next day and
/// counts by the day it began.
pub(crate) fn is_on(alt: &AltSpeed, at: LocalTime) -> bool {
    let day = |weekday: u8| alt.days & (1 << weekday) != 0;
    let yesterday = (at.weekday + 6) % 7;
    let (begin, end, now) = (alt.begin_minutes, alt.end_minutes, at.minutes);
    match begin.cmp(&end) {
        Ordering::Equal => day(at.weekday),
        Ordering::Less => day(at.weekday) && (begin..end).contains(&now),
        Ordering::Greater => day(at.weekday) && now >= begin || day(yesterday) && now < end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(weekday: u8, hour: u16) -> LocalTime {
        LocalTime { weekday, minutes: hour * 60 }
    }

    #[test]
    fn spans_within_a_day_and_over_midnight() {
        let weekdays = 0b011_1110;
        let work = AltSpeed { days: weekdays, begin_minutes: 540, end_minutes: 1020, ..AltSpeed::default() };
        assert!(is_on(&work, at(1, 9)) && is_on(&work, at(5, 16)));
        assert!(!is_on(&work, at(1, 8)) && !is_on(&work, at(1, 17)) && !is_on(&work, at(0, 10)));
        let night = AltSpeed { begin_minutes: 22 * 60, end_minutes: 6 * 60, ..work };
        assert!(is_on(&night, at(5, 23)) && is_on(&night, at(6, 3)), "Friday's night ends on Saturday");
        assert!(!is_on(&night, at(6, 23)) && !is_on(&night, at(1, 3)), "Sunday's night is not chosen");
    }
}
