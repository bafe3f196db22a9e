//! Where klines begin and end: intervals on the clock of a time zone. Weeks begin on
//! Monday, months on their first day.

/// Seconds of the venue's `1M`, by which the model names it; its klines are calendar months.
pub(crate) const MONTH: u32 = 2_592_000;
const WEEK: u32 = 604_800;
const DAY: i64 = 86_400;

/// An interval in a time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grid {
    /// Length in seconds; [`MONTH`] stands for calendar months.
    pub(crate) interval: u32,
    /// Seconds that the zone's clock is ahead of UTC.
    pub(crate) offset: i32,
}

impl Grid {
    pub(crate) const fn utc(interval: u32) -> Self {
        Grid { interval, offset: 0 }
    }

    fn step(self) -> i64 {
        i64::from(self.interval.max(1))
    }

    /// Begin of the interval that a second lies in.
    pub(crate) fn floor(self, second: u64) -> u64 {
        let local = i64::try_from(second).unwrap_or(i64::MAX / 2).saturating_add(i64::from(self.offset));
        let open = match self.interval {
            MONTH => month_start(month_of(local.div_euclid(DAY))),
            // 1970-01-01 was a Thursday; Monday is four days later.
            WEEK => {
                let monday = DAY.saturating_mul(4);
                let shifted = local.saturating_sub(monday);
                shifted.saturating_sub(shifted.rem_euclid(self.step())).saturating_add(monday)
            }
            _ => local.saturating_sub(local.rem_euclid(self.step())),
        };
        self.utc_second(open)
    }

    fn utc_second(self, local: i64) -> u64 {
        u64::try_from(local.saturating_sub(i64::from(self.offset))).unwrap_or(0)
    }

    fn months_from(self, open: u64, months: i64) -> u64 {
        // The middle of the month is safe from every time zone.
        let local = i64::try_from(open).unwrap_or(i64::MAX / 2).saturating_add(i64::from(self.offset));
        let month = month_of(local.saturating_add(DAY).div_euclid(DAY)).saturating_add(months);
        self.utc_second(month_start(month))
    }

    /// Begin of the interval after the one that begins at `open`.
    pub(crate) fn next(self, open: u64) -> u64 {
        if self.interval == MONTH {
            return self.months_from(open, 1);
        }
        open.saturating_add(u64::from(self.interval.max(1)))
    }

    /// Begin of the interval `count` before the one that begins at `open`.
    pub(crate) fn back(self, open: u64, count: usize) -> u64 {
        if self.interval == MONTH {
            let count = i64::try_from(count).unwrap_or(i64::MAX).min(12_000);
            return self.months_from(open, count.saturating_neg());
        }
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        open.saturating_sub(count.saturating_mul(u64::from(self.interval.max(1))))
    }
}

/// Months since year 0 of a day since 1970 (proleptic Gregorian calendar; Howard Hinnant's
/// `civil_from_days`).
fn month_of(day: i64) -> i64 {
    let shifted = day.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 2 } else { march_month - 10 };
    let year = year_of_era + era.saturating_mul(400) + i64::from(month <= 1);
    year.saturating_mul(12).saturating_add(month)
}

/// Second since 1970 at which a month begins.
fn month_start(month: i64) -> i64 {
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12));
    let year = if month <= 1 { year.saturating_sub(1) } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let march_month = if month > 1 { month - 2 } else { month + 10 };
    let day_of_year = (153 * march_month + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.saturating_mul(146_097).saturating_add(day_of_era).saturating_sub(719_468).saturating_mul(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_the_calendars() {
        let month = Grid::utc(MONTH);
        // 2024-02-29 12:00, 2024-02-01, 2024-03-01, 2023-12-01
        assert_eq!(month.floor(1_709_208_000), 1_706_745_600);
        assert_eq!(month.next(1_706_745_600), 1_709_251_200);
        assert_eq!(month.back(1_706_745_600, 2), 1_701_388_800);
        let east = Grid { interval: MONTH, offset: 8 * 3_600 };
        // In Shanghai March began eight hours before.
        assert_eq!(east.floor(1_709_251_200 - 8 * 3_600), 1_709_251_200 - 8 * 3_600);
        assert_eq!(east.next(1_706_745_600 - 8 * 3_600), 1_709_251_200 - 8 * 3_600);
        for n in 0..2_000 {
            let open = month.floor(n * 86_400 * 9);
            assert_eq!(month.floor(open), open);
            assert!(month.next(open) > n * 86_400 * 9 && month.back(month.next(open), 1) == open);
        }
    }

    #[test]
    fn weeks_begin_on_monday_and_days_in_their_time_zone() {
        let week = Grid::utc(WEEK);
        // 2024-08-08 was a Thursday, 2024-08-05 the Monday before it.
        assert_eq!(week.floor(1_723_075_200), 1_722_816_000);
        let day = Grid { interval: 86_400, offset: 8 * 3_600 };
        assert_eq!(day.floor(1_723_075_200), 1_723_075_200 - 8 * 3_600);
        let west = Grid { interval: 86_400, offset: -(5 * 3_600 + 1_800) };
        assert_eq!(west.floor(1_723_075_200), 1_723_075_200 - 86_400 + 5 * 3_600 + 1_800);
    }
}
