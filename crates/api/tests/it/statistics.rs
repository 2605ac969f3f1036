//! Figures about a project's tickets.

use crate::common::assert_error;
use crate::tickets_desk::Desk;
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Setup, Tenant, on_both_engines};

on_both_engines! {
    what_happens_to_tickets_is_counted_by_day,
    only_answers_to_customers_count_as_first_responses,
    promises_are_met_or_broken_on_the_day_they_were_due,
    days_are_those_of_the_projects_time_zone,
    the_table_has_the_same_figures,
    an_impossible_period_is_refused,
    figures_are_of_one_project_and_need_the_scope,
    a_removed_role_leaves_the_counters_right,
}

const DAY: Duration = Duration::from_secs(86_400);

fn path(tenant: &Tenant) -> String {
    format!("/api/projects/{}/conversations/statistics/", tenant.project)
}

async fn read(desk: &Desk, query: &str) -> Value {
    let path = format!("{}?{query}", path(&desk.tenant));
    desk.api.get(&path).await.expect(200).json
}

async fn change(desk: &Desk, ticket: &Value, body: Value) {
    let path = format!("{}{}/", desk.path, ticket["id"].as_str().unwrap());
    desk.api.patch(&path, &body).await.expect(200);
}

async fn answer(desk: &Desk, ticket: &Value) {
    desk.reply(ticket, json!({"message": "Here is how."}))
        .await
        .expect(201);
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Fails unless a number of seconds is this length, or a little more.
#[track_caller]
fn assert_about(seconds: &Value, length: Duration) {
    let (seconds, least) = (seconds.as_u64().unwrap(), length.as_secs());
    assert!((least..least + 30).contains(&seconds), "{seconds} {least}");
}

async fn what_happens_to_tickets_is_counted_by_day(setup: Setup) {
    let desk = Desk::new(setup).await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        let ticket = desk.add(json!({})).await;
        desk.hear(&ticket, "Help!").await;
        tickets.push(ticket);
    }
    desk.app.advance(minutes(10));
    answer(&desk, &tickets[0]).await;
    desk.app.advance(minutes(20));
    answer(&desk, &tickets[1]).await;
    answer(&desk, &tickets[1]).await;
    desk.app.advance(DAY - minutes(30));
    change(
        &desk,
        &tickets[0],
        json!({"status": "resolved", "ai_resolved": true}),
    )
    .await;
    desk.app.advance(minutes(1));
    change(&desk, &tickets[1], json!({"status": "resolved"})).await;
    let found = read(&desk, "interval=day").await;
    let totals = &found["totals"];
    for (name, expected) in [
        ("opened", json!(3)),
        ("resolved", json!(2)),
        ("resolved_by_assistant", json!(1)),
        ("resolved_by_assistant_share", json!(0.5)),
        ("messages_received", json!(3)),
        ("messages_sent", json!(3)),
    ] {
        assert_eq!(totals[name], expected, "{name}: {found}");
    }
    assert_eq!(totals["first_response"]["count"], 2);
    assert_about(&totals["first_response"]["median_seconds"], minutes(10));
    assert_about(&totals["first_response"]["p90_seconds"], minutes(30));
    assert_about(&totals["resolution"]["median_seconds"], DAY);
    assert_about(&totals["resolution"]["p90_seconds"], DAY + minutes(1));
    assert_eq!(found["unread_now"], 1);
    let series = found["series"].as_array().unwrap();
    assert_eq!((series.len(), &found["timezone"]), (30, &json!("UTC")));
    assert_eq!(series[0]["date"], found["date_from"]);
    assert_eq!(series[29]["date"], found["date_to"]);
    let sums = |name: &str| {
        series
            .iter()
            .map(|day| day[name].as_i64().unwrap())
            .sum::<i64>()
    };
    assert_eq!(
        (sums("opened"), sums("resolved"), sums("messages_sent")),
        (3, 2, 3)
    );
    assert_eq!(
        series[0]["first_response"],
        json!({"count": 0, "median_seconds": null, "p90_seconds": null})
    );
    assert_eq!(series[0]["resolved_by_assistant_share"], Value::Null);
    // What was opened on one day was resolved on a later one.
    let day = |name: &str| series.iter().position(|day| day[name] != 0).unwrap();
    assert!(day("opened") < day("resolved"), "{found}");
    // Reopened, it is not resolved any more.
    change(&desk, &tickets[0], json!({"status": "open"})).await;
    assert_eq!(read(&desk, "").await["totals"]["resolved"], 1);
    let weeks = read(&desk, "interval=week").await;
    assert!(weeks["series"].as_array().unwrap().len() <= 6);
    assert_eq!(weeks["totals"]["opened"], 3);
}

async fn only_answers_to_customers_count_as_first_responses(setup: Setup) {
    let desk = Desk::new(setup).await;
    let count = async || read(&desk, "").await["totals"]["first_response"]["count"].clone();
    let ours = desk.add(json!({})).await;
    answer(&desk, &ours).await;
    desk.hear(&ours, "Who are you?").await;
    answer(&desk, &ours).await;
    assert_eq!(count().await, 0, "the team began this ticket");
    let theirs = desk.add(json!({})).await;
    desk.hear(&theirs, "Help!").await;
    desk.reply(&theirs, json!({"message": "A note", "is_private": true}))
        .await
        .expect(201);
    assert_eq!(count().await, 0, "a note is no answer");
    answer(&desk, &theirs).await;
    assert_eq!(count().await, 1);
    answer(&desk, &theirs).await;
    assert_eq!(count().await, 1);
}

async fn promises_are_met_or_broken_on_the_day_they_were_due(setup: Setup) {
    let desk = Desk::new(setup).await;
    let due = desk.app.env.now().plus(minutes(60));
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(desk.add(json!({"sla_due_at": due})).await);
    }
    let kept = async || {
        let to = desk.app.env.now().plus(DAY).to_string();
        let found = read(&desk, &format!("date_to={}", &to[..10])).await;
        let totals = &found["totals"];
        (totals["sla_met"].clone(), totals["sla_breached"].clone())
    };
    assert_eq!(kept().await, (json!(0), json!(0)), "nothing is due yet");
    change(&desk, &tickets[0], json!({"status": "resolved"})).await;
    assert_eq!(kept().await, (json!(1), json!(0)));
    desk.app.advance(minutes(61));
    assert_eq!(kept().await, (json!(1), json!(2)));
    change(&desk, &tickets[1], json!({"status": "resolved"})).await;
    assert_eq!(kept().await, (json!(1), json!(2)), "too late is too late");
}

async fn days_are_those_of_the_projects_time_zone(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    let mut dates = Vec::new();
    for zone in ["Etc/GMT+12", "Pacific/Kiritimati"] {
        desk.app.set(desk.tenant.project, "timezone", zone).await;
        let found = read(&desk, "date_from=2d").await;
        assert_eq!(found["timezone"], zone);
        let series = found["series"].as_array().unwrap();
        let day = series.iter().find(|day| day["opened"] == 1).unwrap();
        assert_eq!(
            day["date"], found["date_to"],
            "it was opened today, wherever that is"
        );
        dates.push(found["date_to"].as_str().unwrap().to_owned());
    }
    // A day and two hours lie between the two.
    assert!(dates[0] < dates[1], "{dates:?}");
}

async fn the_table_has_the_same_figures(setup: Setup) {
    let desk = Desk::new(setup).await;
    let ticket = desk.add(json!({})).await;
    desk.hear(&ticket, "Help!").await;
    let request = desk
        .api
        .request(
            Method::GET,
            &format!(
                "{}?date_from=2d",
                path(&desk.tenant).replace("statistics/", "statistics.csv")
            ),
        )
        .header("accept", "text/html");
    let reply = desk.api.send(request).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8");
    let disposition = reply.header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"statistics-"),
        "{disposition}"
    );
    let lines: Vec<_> = reply.text.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        lines[0].starts_with("date,opened,resolved,"),
        "{}",
        lines[0]
    );
    assert_eq!(lines[0].split(',').count(), lines[3].split(',').count());
    let today = read(&desk, "").await["date_to"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(lines[3], format!("{today},1,0,0,0,,,,,0,0,0,1"));
    // The JSON keeps its rules.
    for (path, status) in [
        (path(&desk.tenant), 406),
        (format!("{}?format=csv", path(&desk.tenant)), 406),
    ] {
        let request = desk
            .api
            .request(Method::GET, &path)
            .header("accept", "text/csv");
        let refused = desk.api.send(request).await.status.as_u16();
        assert!(refused == status || refused == 404, "{path} {refused}");
    }
}

async fn an_impossible_period_is_refused(setup: Setup) {
    let desk = Desk::new(setup).await;
    for (query, code, attr) in [
        ("date_from=x", "invalid_input", "date_from"),
        ("date_to=x", "invalid_input", "date_to"),
        (
            "date_from=2026-02-02&date_to=2026-02-01",
            "invalid_input",
            "date_from",
        ),
        (
            "date_from=1970-01-01&date_to=2026-02-01",
            "invalid_input",
            "date_from",
        ),
        (
            "date_from=0001-01-01&date_to=9999-12-31",
            "invalid_input",
            "date_to",
        ),
        ("interval=month", "invalid_choice", "interval"),
    ] {
        let reply = desk
            .api
            .get(&format!("{}?{query}", path(&desk.tenant)))
            .await;
        assert_error(&reply, 400, code, attr);
    }
    for query in [
        "date_to=0001-01-01",
        "date_to=9999-12-31",
        "date_from=9999-12-31",
    ] {
        let reply = desk
            .api
            .get(&format!("{}?{query}", path(&desk.tenant)))
            .await;
        assert!(reply.status.as_u16() < 500, "{query} {}", reply.text);
    }
}

async fn figures_are_of_one_project_and_need_the_scope(setup: Setup) {
    let desk = Desk::new(setup).await;
    desk.add(json!({})).await;
    let second = Tenant {
        project: desk.app.project(desk.tenant.organization).await,
        ..desk.tenant.clone()
    };
    let found = second.api.get(&path(&second)).await.expect(200).json;
    assert_eq!(found["totals"]["opened"], 0);
    let other = desk.app.tenant().await;
    assert_error(
        &other.api.get(&path(&desk.tenant)).await,
        403,
        "permission_denied",
        "",
    );
    let without = desk.app.key(desk.tenant.user, &["conversation:read"]).await;
    let reply = desk.app.api(&without).get(&path(&desk.tenant)).await;
    assert_error(&reply, 403, "permission_denied", "");
}

async fn a_removed_role_leaves_the_counters_right(setup: Setup) {
    let desk = Desk::new(setup).await;
    let roles = format!("/api/organizations/{}/roles/", desk.tenant.organization);
    let role = desk
        .api
        .post(&roles, &json!({"name": "Support"}))
        .await
        .expect(201)
        .json;
    for _ in 0..2 {
        let ticket = desk.add(json!({})).await;
        let assignee = json!({"assignee": {"type": "role", "id": role["id"]}});
        change(&desk, &ticket, assignee).await;
        desk.hear(&ticket, "Help!").await;
    }
    desk.hear(&desk.add(json!({})).await, "Help!").await;
    let path = format!("{roles}{}/", role["id"].as_str().unwrap());
    desk.api.delete(&path).await.expect(204);
    let unassigned = desk
        .api
        .get(&format!("{}?assignee=unassigned", desk.path))
        .await;
    assert_eq!(unassigned.expect(200).json["count"], 3);
    assert_eq!(read(&desk, "").await["unread_now"], 3);
    assert_eq!(desk.app.store.check().await.unwrap(), []);
}
