//! Each limit is hit, named, and survived.

use std::time::Duration;

use rowmill_wasm::{Limit, Limits};
use serde_json::{Value, json};

use crate::guests::{bind_with, error_of, run};

#[tokio::test]
async fn a_loop_ends_at_its_cpu_limit() {
    let error = error_of("loop", &Limits::default()).await;
    assert_eq!(error.limit(), Some(Limit::Cpu), "{error}");
    assert!(error.to_string().contains("100.5ms for 10 rows"), "{error}");
}

#[tokio::test]
async fn a_loop_ends_at_its_wall_limit() {
    let limits = Limits { cpu_base: Duration::from_secs(3600), wall: Duration::from_millis(100), ..Limits::default() };
    let error = error_of("loop", &limits).await;
    assert_eq!(error.limit(), Some(Limit::Wall), "{error}");
}

#[tokio::test]
async fn binding_is_limited_too() {
    let error = bind_with("loop-in-bind", &Limits::default(), Value::Null).await.expect_err("cpu");
    assert_eq!(error.limit(), Some(Limit::Cpu), "{error}");
    let error = bind_with("panic-in-bind", &Limits::default(), Value::Null).await.expect_err("trap");
    assert!(error.is_trap() && error.to_string().contains("cannot bind"), "{error}");
}

/// On one thread: the other task gets its turns only if the loop gives up the thread.
#[tokio::test(flavor = "current_thread")]
async fn a_long_call_lets_others_run() {
    let mut function = bind_with("loop", &Limits::default(), Value::Null).await.expect("binds");
    let others = tokio::spawn(async {
        let mut turns = 0_u64;
        loop {
            tokio::task::yield_now().await;
            turns += 1;
            if turns >= 3 {
                return turns;
            }
        }
    });
    let call = run(&mut function, 10);
    tokio::pin!(call);
    tokio::select! {
        biased;
        result = &mut call => panic!("the loop ended before others ran: {result:?}"),
        turns = others => assert_eq!(turns.expect("ran"), 3),
    }
    assert!(call.await.expect_err("cpu").is_limit());
}

#[tokio::test]
async fn memory_that_grows_without_end_is_named_memory() {
    // Touching so much takes time, which is not what this is about.
    let limits = Limits { cpu_base: Duration::from_secs(30), wall: Duration::from_secs(60), ..Limits::default() };
    let error = error_of("grow", &limits).await;
    assert_eq!(error.limit(), Some(Limit::Memory), "{error}");
    assert!(error.to_string().contains("memory limit of 67108864 bytes"), "{error}");
}

#[tokio::test]
async fn a_refused_growth_that_the_guest_copes_with_is_no_error() {
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    let mut function = bind_with("grow-politely", &limits, Value::Null).await.expect("binds");
    run(&mut function, 5).await.expect("copes");
    let peak = function.meter().memory_peak;
    assert!(peak > 14 << 20 && peak <= 16 << 20, "{peak}");
    assert_eq!(function.memory(), peak);
    function.recycle();
    assert_eq!(function.memory(), 0);
    run(&mut function, 5).await.expect("a fresh instance");
    assert_eq!(function.meter().instances, 2);
}

#[tokio::test]
async fn a_component_that_starts_above_the_memory_limit_says_so() {
    let limits = Limits { memory: 64 << 10, ..Limits::default() };
    let error = bind_with("loop", &limits, Value::Null).await.expect_err("too little");
    assert_eq!(error.limit(), Some(Limit::Memory), "{error}");
}

#[tokio::test]
async fn output_over_its_limit_is_refused() {
    let limits = Limits { memory: 1 << 30, output: 1 << 20, ..Limits::default() };
    let error = error_of("output", &limits).await;
    assert_eq!(error.limit(), Some(Limit::Output), "{error}");
}

#[tokio::test]
async fn endless_logging_ends_at_the_cpu_limit() {
    let error = error_of("log", &Limits::default()).await;
    assert!(error.is_limit(), "{error}");
}

#[tokio::test]
async fn traps_are_typed_and_carry_the_panics_message() {
    let error = error_of("panic", &Limits::default()).await;
    assert!(error.is_trap());
    let text = error.to_string();
    assert!(text.contains("the third wheel came off at 10"), "{text}");
    assert!(text.contains("lib.rs"), "{text}");
    assert!(!text.contains("RUST_BACKTRACE"), "{text}");
    for function in ["abort", "out-of-bounds", "recurse"] {
        assert!(error_of(function, &Limits::default()).await.is_trap());
    }
    let text = error_of("out-of-bounds", &Limits::default()).await.to_string();
    assert!(text.contains("out of bounds memory access"), "{text}");
}

#[tokio::test]
async fn exit_is_a_trap_with_its_code() {
    let error = error_of("exit", &Limits::default()).await;
    assert!(error.is_trap());
    assert!(error.to_string().contains("exit(3)") || error.to_string().contains("exit(1)"), "{error}");
}

#[tokio::test]
async fn a_dropped_call_loses_only_its_instance() {
    let config = json!({"when": 9});
    let mut function = bind_with("loop", &Limits::default(), config).await.expect("binds");
    {
        let call = run(&mut function, 10);
        tokio::pin!(call);
        let first = futures_lite_poll(call.as_mut()).await;
        assert!(first, "the loop is still running after its first tick");
    }
    let output = run(&mut function, 9).await.expect("a fresh instance");
    assert_eq!(output.columns[0].len(), 9);
    assert_eq!(function.meter().instances, 2);
}

/// Polls once; whether it is still pending.
async fn futures_lite_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> bool {
    std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test]
async fn halving_finds_the_row_that_traps() {
    let mut function = bind_with("panic", &Limits::default(), json!({"when": 6})).await.unwrap();
    let (mut low, mut high) = (0, 10);
    while high - low > 1 {
        let middle = (low + high) / 2;
        match run(&mut function, middle).await {
            Ok(_) => low = middle,
            Err(error) => {
                assert!(error.is_trap());
                high = middle;
            }
        }
    }
    assert_eq!(low, 6);
}

#[tokio::test]
async fn the_meter_counts() {
    let mut function = bind_with("count", &Limits::default(), Value::Null).await.expect("binds");
    for _ in 0..3 {
        run(&mut function, 10).await.expect("runs");
    }
    let meter = function.meter();
    assert_eq!((meter.calls, meter.rows, meter.traps), (3, 30, 0));
    assert_eq!(meter.output_bytes, 240);
    assert!(meter.cpu > Duration::ZERO && meter.wall > Duration::ZERO);
    assert_eq!(function.counters().get("seen"), Some(&30));
    assert!(function.counters().len() <= 64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_can_be_spawned() {
    let call = tokio::spawn(async {
        let mut function = bind_with("loop", &Limits::default(), Value::Null).await?;
        run(&mut function, 1).await
    });
    assert!(call.await.expect("no panic").expect_err("cpu").is_limit());
}
