//! Whether a sweep uses the rate that is permitted.

use std::time::Duration;

use super::fake::{Fake, HOME, account, admin};
use super::world::{Bench, HOUR, config};

/// Share of the permitted rate that the first full sweep uses, with a latency of 800 ms.
async fn share(accounts: u64, each: impl Fn(u64) -> usize) -> f64 {
    let fake = Fake::new(accounts);
    {
        let mut cloud = fake.cloud();
        cloud.page = 10;
        (cloud.latency, cloud.spacing) = (Duration::from_millis(800), Duration::from_millis(500));
        for number in (1..=accounts).chain([222_222_222_222]) {
            for n in 0..each(number) {
                cloud.import(
                    account(number),
                    HOME,
                    "S3.1",
                    &format!("r{n}"),
                    "PASSED",
                    Duration::from_secs(3600 + n as u64),
                );
            }
        }
        assert!(cloud.hubs.contains_key(&(admin(), HOME.to_owned())));
    }
    let mut config = config();
    // Increments take from the same rate.
    config.intervals.findings = HOUR;
    let bench = Bench::settled(fake, config).await;
    let sweep = bench.facts().regions[0].last_full_sweep.unwrap();
    let seconds = sweep.completed_at.duration_since(sweep.started_at).as_secs_f64();
    println!("{accounts} accounts: {} calls in {seconds} s", sweep.requests);
    sweep.requests as f64 / seconds / 2.0
}

#[tokio::test(start_paused = true)]
async fn a_sweep_uses_the_permitted_rate() {
    for (accounts, each) in [(9, 300), (24, 120), (49, 60), (99, 30), (199, 15), (400, 25)] {
        let used = share(accounts, |_| each).await;
        assert!(used >= 0.97, "{accounts} accounts: {used}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sweep_uses_most_of_the_rate_when_accounts_differ() {
    let used = share(150, |number| (usize::try_from(number).unwrap_or(0) * 7919) % 50).await;
    assert!(used >= 0.95, "{used}");
}
