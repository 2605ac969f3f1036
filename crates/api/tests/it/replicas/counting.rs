//! Throttles that all replicas count together, by the same rule as one.

use super::on_replicas;
use crate::common::assert_error;
use bus::{Bus, Limits};
use model::rates::{Limit, Per, Rate};
use model::{Env, ManualClock, Rng, SystemRng, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use testkit::Setup;

on_replicas! {
    requests_to_all_replicas_are_counted_together,
    the_count_in_redis_is_that_of_one_process,
}

const ME: &str = "/api/users/@me/";

async fn requests_to_all_replicas_are_counted_together(mut setup: Setup) {
    setup.api.rate_limits = true;
    let rates = &mut setup.api.rates;
    rates.insert("api_burst", Limit::at(9, Per::Minute));
    let (b, c) = (setup.twin().start().await, setup.twin().start().await);
    let a = setup.start().await;
    let tenant = a.tenant().await;
    let apis = [&a, &b, &c].map(|app| app.api(&tenant.key));
    for _ in 0..3 {
        for api in &apis {
            api.get(ME).await.expect(200);
        }
    }
    for api in &apis {
        assert_error(&api.get(ME).await, 429, "throttled", "");
    }
    a.advance(Duration::from_secs(61));
    apis[1].get(ME).await.expect(200);
}

/// The same moments are let through and refused, with the same waits, for any rate and any run of the clock, also a
/// clock that is set back.
async fn the_count_in_redis_is_that_of_one_process(setup: Setup) {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(
        1_700_000_000_123_457,
    )));
    let env = Env::new(clock.clone(), Arc::new(SystemRng));
    let bus = Bus::connect(&setup.redis.unwrap(), testkit::PATIENCE)
        .await
        .unwrap();
    let shared = Limits::new(&bus, env.clone());
    let alone = Limits::new(&Bus::in_process(), env);
    let mut refused = 0;
    for run in 0..8 {
        let burst = Rate {
            count: 1 + run,
            per: Per::Second,
        };
        let sustained = Rate {
            count: 3 * (1 + run),
            per: Per::Minute,
        };
        let throttles = [("burst", burst), ("sustained", sustained)];
        let subject = format!("{{{run}}}:ü");
        for _ in 0..100 {
            let (there, here) = futures::join!(
                shared.check_all(&throttles, &subject),
                alone.check_all(&throttles, &subject)
            );
            assert_eq!(there, here);
            refused += usize::from(here.is_err());
            clock.advance_micros(step());
        }
    }
    assert!((100..700).contains(&refused), "{refused}");
    // It was Redis that counted.
    assert_eq!((shared.len(), alone.len()), (0, 16));
}

/// Up to three seconds on; now and then far on, or back.
fn step() -> i64 {
    let mut bytes = [0; 4];
    SystemRng.fill(&mut bytes);
    let number = i64::from(u32::from_le_bytes(bytes));
    match number % 40 {
        0 => 45_000_000,
        1 => -20_000_000,
        2 => -90_000_000,
        _ => number % 3_000_000,
    }
}
