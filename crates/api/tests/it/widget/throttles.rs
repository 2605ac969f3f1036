//! How often visitors may come (conventions.md 6, 18.7 row 192).

use super::scene::{Browser, Site};
use crate::common::assert_error;
use model::rates::{Limit, Per};
use serde_json::{Value, json};
use testkit::{Setup, new_uuid, on_both_engines};

on_both_engines! {
    a_visitor_may_come_thirty_times_a_minute,
    reading_and_writing_have_budgets_of_their_own,
    a_link_is_mailed_three_times_an_hour,
    tokens_are_tried_ten_times_a_minute_from_one_address,
    a_project_sets_its_own_rates_for_visitors,
    broken_requests_of_visitors_count,
}

fn limited(mut setup: Setup, rates: &[(&'static str, u32, Per)]) -> Setup {
    setup.api.rate_limits = true;
    for (name, count, per) in rates {
        setup.api.rates.insert(*name, Limit::at(*count, *per));
    }
    setup
}

async fn read_times(browser: &Browser, times: usize) {
    for _ in 0..times {
        browser.tickets(json!({})).await.expect(200);
    }
}

async fn a_visitor_may_come_thirty_times_a_minute(setup: Setup) {
    let site = Site::new(limited(setup, &[])).await;
    let browser = site.browser("u");
    read_times(&browser, 29).await;
    browser.begin("Hi").await;
    let reply = browser.write(json!({"message": "Hi"})).await;
    assert_error(&reply, 429, "throttled", "");
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!((30..=60).contains(&seconds), "{seconds}");
    assert_eq!(reply.header("access-control-allow-origin"), "");
    site.browser("u").begin("somebody else").await;
    site.desk.later(seconds);
    browser.begin("again").await;
}

async fn reading_and_writing_have_budgets_of_their_own(setup: Setup) {
    let rates = [
        ("widget_reads", 3, Per::Hour),
        ("widget_writes", 2, Per::Hour),
    ];
    let site = Site::new(limited(setup, &rates)).await;
    for _ in 0..3 {
        read_times(&site.browser("u"), 1).await;
    }
    let reply = site.browser("u").tickets(json!({})).await;
    assert_error(&reply, 429, "throttled", "");
    site.browser("u").begin("one").await;
    site.browser("u").begin("two").await;
    let reply = site.browser("u").write(json!({"message": "three"})).await;
    assert_error(&reply, 429, "throttled", "");
    // Another project has its own.
    let other = site.desk.app.tenant().await;
    let mut elsewhere = site.browser("u");
    elsewhere.token = super::scene::widget_token(&other.api, other.project.0).await;
    elsewhere.begin("Hi").await;
}

async fn a_link_is_mailed_three_times_an_hour(setup: Setup) {
    let site = Site::new(limited(setup, &[])).await;
    site.set("widget_restore_enabled", "true").await;
    site.set("widget_domains", "shop.example").await;
    let mut browser = site.browser("u");
    browser.origin = Some("https://shop.example".to_owned());
    let ask = async |email: &str| {
        let body = json!({"email": email, "request_url": "https://shop.example/"});
        browser.post("restore/request", &body).await
    };
    for email in ["jo@example.com", "JO@example.com ", "jo@Example.com"] {
        ask(email).await.expect(200);
    }
    assert_error(&ask("jo@example.com").await, 429, "throttled", "");
    ask("other@example.com").await.expect(200);
    site.desk.later(3600);
    ask("jo@example.com").await.expect(200);
}

async fn tokens_are_tried_ten_times_a_minute_from_one_address(setup: Setup) {
    let mut setup = limited(setup, &[]);
    setup.api.trusted_proxies = "127.0.0.1".parse().unwrap();
    let site = Site::new(setup).await;
    site.set("widget_restore_enabled", "true").await;
    let browser = site.browser("u");
    let try_one = async |address: &str| {
        let body: Value = json!({"restore_token": "x".repeat(43), "widget_session_id": new_uuid()});
        let request = browser
            .api
            .request(
                http::Method::POST,
                &format!("{}restore", super::scene::BASE),
            )
            .header("x-conversations-token", &browser.token)
            .header("x-forwarded-for", address);
        browser.api.send(request.json(&body)).await
    };
    for _ in 0..10 {
        try_one("198.51.100.1").await.expect(200);
    }
    assert_error(&try_one("198.51.100.1").await, 429, "throttled", "");
    try_one("198.51.100.2").await.expect(200);
}

async fn a_project_sets_its_own_rates_for_visitors(setup: Setup) {
    let site = Site::new(limited(setup, &[])).await;
    site.set("widget_visitor", "2/minute").await;
    let browser = site.browser("u");
    read_times(&browser, 2).await;
    browser.tickets(json!({})).await.expect(429);
    site.set("widget_visitor", "off").await;
    read_times(&browser, 40).await;
}

async fn broken_requests_of_visitors_count(setup: Setup) {
    let site = Site::new(limited(setup, &[("widget_visitor", 3, Per::Minute)])).await;
    let browser = site.browser("u");
    for _ in 0..3 {
        browser.write(json!({})).await.expect(400);
    }
    browser.write(json!({"message": "Hi"})).await.expect(429);
}
