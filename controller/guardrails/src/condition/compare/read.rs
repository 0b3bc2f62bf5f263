//! Values as what an operator compares; `None` where they are no such thing.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A number in plain digits, with or without a fraction.
pub(super) fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    plain.then(|| text.parse().ok()).flatten()
}

/// `true` or `false`, whatever the case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Bytes in base64.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A time as W3C's profile of ISO 8601 has it (a year, a month, a day, or a time in UTC or with an offset; each means its
/// beginning in UTC), or seconds since 1970. Four digits are a year.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let day = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let day = if day.len() == "2026-01-31".len() { day.parse::<Date>().ok() } else { None };
    if let Some(day) = day {
        return day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

/// Addresses that begin with the same bits, such as `10.0.0.0/8`; without a length it is one address.
#[derive(Clone, Copy, Debug)]
pub(in crate::condition) struct Range {
    base: IpAddr,
    /// Bits that may differ.
    free: u32,
}

impl Range {
    pub(super) fn new(text: &str) -> Option<Self> {
        let (base, length) = match text.split_once('/') {
            Some((base, length)) => (base, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let bits: u32 = if base.is_ipv4() { 32 } else { 128 };
        Some(Self { base, free: bits.checked_sub(length.unwrap_or(bits))? })
    }

    /// Whether an address is in it; one of the other family is not.
    pub(super) fn contains(&self, address: &str) -> Option<bool> {
        let differ: u128 = match (self.base, address.parse().ok()?) {
            (IpAddr::V4(base), IpAddr::V4(address)) => u128::from(base.to_bits() ^ address.to_bits()),
            (IpAddr::V6(base), IpAddr::V6(address)) => base.to_bits() ^ address.to_bits(),
            _ => return Some(false),
        };
        // Shifting all bits out leaves nothing to differ.
        Some(differ.checked_shr(self.free).unwrap_or(0) == 0)
    }
}
