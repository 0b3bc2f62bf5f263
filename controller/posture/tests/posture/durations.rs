//! Durations as people write them.

use std::time::Duration;

use soc2_posture::duration::parse;

#[test]
fn numbers_with_units_the_longest_first() {
    for (text, seconds) in [
        ("0s", 0),
        ("10s", 10),
        ("10m", 600),
        ("36h", 129_600),
        ("1h30m", 5_400),
        ("1h1m1s", 3_661),
        ("7d", 604_800),
        ("1d12h", 129_600),
        ("90m", 5_400),
    ] {
        assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
    }
    for text in [
        "",
        "36",
        "h",
        "36 h",
        " 36h",
        "36H",
        "-1h",
        "1.5h",
        "1m1h",
        "1h1h",
        "1w",
        "1ms",
        "99999999999999999999s",
        "5124095576030432h",
        "１h",
        "1é",
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.to_string().contains("36h"), "{error}");
    }
}
