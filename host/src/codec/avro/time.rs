//! Avro's dates and times in the words of ISO 8601, with all the digits that the unit has.

use super::shape::Unit;

const SECONDS_A_DAY: i64 = 86_400;

impl Unit {
    const fn per_second(self) -> i64 {
        match self {
            Self::Millis => 1_000,
            Self::Micros => 1_000_000,
            Self::Nanos => 1_000_000_000,
        }
    }

    const fn digits(self) -> usize {
        match self {
            Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos => 9,
        }
    }
}

/// `2024-02-29`, from days since 1970. Years outside of 0 to 9999 have a sign: `+292278-01-01`.
pub(super) fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    match year {
        0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:+05}-{month:02}-{day:02}"),
    }
}

/// `2024-02-29T13:45:00.123`, from units since 1970.
pub(super) fn local(since: i64, unit: Unit) -> String {
    let (seconds, fraction) = (since.div_euclid(unit.per_second()), since.rem_euclid(unit.per_second()));
    let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
    format!("{}T{}", date(days), clock(second, fraction, unit))
}

/// `13:45:00.123`, from units since midnight.
pub(super) fn of_day(since: i64, unit: Unit) -> Result<String, String> {
    if !(0..SECONDS_A_DAY * unit.per_second()).contains(&since) {
        return Err(format!("{since} is not a time of day"));
    }
    Ok(clock(since / unit.per_second(), since % unit.per_second(), unit))
}

fn clock(second: i64, fraction: i64, unit: Unit) -> String {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{hour:02}:{minute:02}:{second:02}.{fraction:0width$}", width = unit.digits())
}

/// Year, month and day of the proleptic Gregorian calendar. Counts in eras of 400 years that begin on the first of
/// March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + next_year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let table = [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (11_016, "2000-02-29"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "+10000-01-01"),
            (-719_528, "0000-01-01"),
            (-719_529, "-0001-12-31"),
        ];
        for (days, expected) in table {
            assert_eq!(date(days), expected);
        }
        assert_eq!(date(i32::MAX.into()), "+5881580-07-11");
        assert_eq!(date(i32::MIN.into()), "-5877641-06-23");
    }

    #[test]
    fn instants_keep_every_digit_up_to_both_ends() {
        assert_eq!(local(-1, Unit::Micros), "1969-12-31T23:59:59.999999");
        assert_eq!(local(1_700_000_000_123, Unit::Millis), "2023-11-14T22:13:20.123");
        assert_eq!(local(i64::MAX, Unit::Nanos), "2262-04-11T23:47:16.854775807");
        assert_eq!(local(i64::MIN, Unit::Nanos), "1677-09-21T00:12:43.145224192");
        assert_eq!(local(i64::MAX, Unit::Micros), "+294247-01-10T04:00:54.775807");
        assert_eq!(local(i64::MIN, Unit::Millis), "-292275055-05-16T16:47:04.192");
    }

    #[test]
    fn a_time_of_day_is_within_a_day() {
        assert_eq!(of_day(86_399_999, Unit::Millis).unwrap(), "23:59:59.999");
        assert_eq!(of_day(1, Unit::Micros).unwrap(), "00:00:00.000001");
        assert_eq!(of_day(86_400_000, Unit::Millis).unwrap_err(), "86400000 is not a time of day");
        assert_eq!(of_day(-1, Unit::Micros).unwrap_err(), "-1 is not a time of day");
    }
}
