//! Every shape of plan, with the operator killed at any of its writes: it converges, and at no instant is anybody less protected
//! or more restricted than before and after.
//!
//! `make test` tries some points of each shape, by a seed that a failure shows and `SOC2_CRASH_SEED` sets, one after the other in the
//! same change; `make soak` tries all, each in a change of its own. Shapes share what runs them, two by two: to start that costs more
//! than a crash.

use anyhow::{Context, Result};
use e2e::crash::Crash;
use e2e::promise::Before;
use e2e::stand::Stand;
use e2e::{Operator, eventually};

use crate::crash_shapes::{PROPAGATION, Shape, clear, lag, organization};

/// Crash points of each shape in `make test`.
const SOME: usize = 3;

fn seed() -> Result<u64> {
    match std::env::var("SOC2_CRASH_SEED") {
        Ok(seed) => seed.parse().context("SOC2_CRASH_SEED"),
        Err(_) => Ok(u64::try_from(jiff::Timestamp::now().as_millisecond())?),
    }
}

async fn crashes(shapes: &[Shape]) -> Result<()> {
    let seed = seed()?;
    let stand = Stand::start().await?;
    lag(&stand, true).await?;
    let mut operator = stand.operator().await?;
    stand.plane.apply_yaml(&organization(PROPAGATION, "first")).await?;
    stand.condition("awsorg", "acme", "OrganizationRead", "True", "Read").await?;
    for shape in shapes {
        let changes = match std::env::var_os("SOC2_SOAK") {
            Some(_) => Crash::all(shape.writes()).into_iter().map(|point| vec![point]).collect(),
            None => vec![Crash::in_turn(Crash::some(shape.writes(), SOME, seed))],
        };
        eprintln!("{shape:?}: SOC2_CRASH_SEED={seed}, crashes {changes:?}");
        for points in changes {
            let begun = std::time::Instant::now();
            operator = cut_off(&stand, operator, *shape, &points)
                .await
                .with_context(|| format!("{shape:?}, crashes {points:?}, SOC2_CRASH_SEED={seed}"))?;
            clear(&stand).await?;
            eprintln!("{shape:?}, {points:?}: {:?}", begun.elapsed());
        }
    }
    Ok(())
}

/// One change, with the operator killed at each of these points.
async fn cut_off(stand: &Stand, mut operator: Operator, shape: Shape, points: &[Crash]) -> Result<Operator> {
    shape.prepare(stand).await.with_context(|| operator.log())?;
    let before = Before::of(&stand.sandbox).await?;
    let mut points = points.iter().copied();
    let mut armed = match points.next() {
        Some(first) => Some(first.arm(stand).await?),
        None => None,
    };
    shape.change(stand).await?;
    while let Some(crash) = armed {
        (operator, armed) = crash.strike(stand, operator, points.next(), async || shape.done(stand).await).await?;
    }
    eventually("the change to be done", || shape.done(stand)).await.with_context(|| operator.log())?;
    shape.kept(stand, &before).await.with_context(|| operator.log())?;
    Ok(operator)
}

#[tokio::test]
async fn a_set_is_created_and_deleted_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::Create, Shape::Delete]).await
}

#[tokio::test]
async fn policies_change_in_place_and_move_up_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::Update, Shape::MoveUp]).await
}

#[tokio::test]
async fn targets_and_baselines_get_fewer_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::Narrow, Shape::Drop]).await
}

#[tokio::test]
async fn sets_and_changes_come_in_waves_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::Waves, Shape::Staged]).await
}

#[tokio::test]
async fn a_policy_is_replaced_by_the_last_slot_or_released_in_part_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::Replace, Shape::Release]).await
}

#[tokio::test]
async fn without_a_slot_policies_change_in_place_or_not_at_all_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::InPlace, Shape::NoRoom]).await
}

#[tokio::test]
async fn a_guardrail_is_released_at_once_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::ReleaseAtOnce]).await
}

#[tokio::test]
async fn policies_are_adopted_and_rolled_back_whatever_the_crash() -> Result<()> {
    crashes(&[Shape::Adopt, Shape::Rollback]).await
}
