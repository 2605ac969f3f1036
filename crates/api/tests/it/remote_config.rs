//! What the browser SDK asks for first, and the settings behind it (tickets.md 14.7).

use crate::common::assert_error;
use crate::tickets_desk::Desk;
use serde_json::{Value, json};
use testkit::{Setup, on_both_engines};

on_both_engines! {
    the_configuration_says_whether_there_is_a_widget,
    the_script_leaves_the_same_where_the_sdk_looks,
    a_text_cannot_break_out_of_the_script,
    an_unknown_token_has_no_configuration,
    any_site_may_ask,
    settings_of_conversations_are_merged,
    tokens_are_not_for_clients_to_write,
    only_admins_make_a_new_token,
}

struct Shop {
    desk: Desk,
    project: String,
    token: String,
    widget: Value,
}

impl Shop {
    async fn new(setup: Setup) -> Self {
        let desk = Desk::new(setup).await;
        let project = format!("/api/projects/{}/", desk.tenant.project);
        let shown = desk.api.get(&project).await.expect(200).json;
        Self {
            token: shown["api_token"].as_str().unwrap().to_owned(),
            widget: shown["widget_public_token"].clone(),
            project,
            desk,
        }
    }

    async fn config(&self) -> Value {
        let path = format!("/array/{}/config", self.token);
        self.desk.app.stranger().get(&path).await.expect(200).json
    }

    async fn patch(&self, body: Value) -> Value {
        self.desk
            .api
            .patch(&self.project, &body)
            .await
            .expect(200)
            .json
    }
}

async fn the_configuration_says_whether_there_is_a_widget(setup: Setup) {
    let shop = Shop::new(setup).await;
    let config = shop.config().await;
    assert_eq!(config["hasFeatureFlags"], false);
    assert_eq!(config["token"], json!(shop.token));
    assert_eq!(
        config["conversations"],
        json!({
            "enabled": true, "widgetEnabled": false, "token": shop.widget, "domains": [],
            "greetingText": "Hey, how can I help you today?", "color": "#1d4aff", "requireEmail": false,
            "collectName": false, "identificationFormTitle": "Before we start...",
            "identificationFormDescription": "Please provide your details so we can help you better.",
            "placeholderText": "Type your message...", "widgetPosition": "bottom_right",
        })
    );
    shop.patch(json!({
        "widget_enabled": true, "widget_domains": ["https://shop.example"], "widget_greeting_text": "Hi!",
        "widget_require_email": true, "widget_position": "top_left",
    }))
    .await;
    let config = shop.config().await["conversations"].clone();
    for (name, value) in [
        ("widgetEnabled", json!(true)),
        ("domains", json!(["https://shop.example"])),
        ("greetingText", json!("Hi!")),
        ("requireEmail", json!(true)),
        ("widgetPosition", json!("top_left")),
    ] {
        assert_eq!(config[name], value, "{name}");
    }
    shop.patch(json!({"conversations_enabled": false})).await;
    assert_eq!(shop.config().await["conversations"], false);
}

async fn the_script_leaves_the_same_where_the_sdk_looks(setup: Setup) {
    let shop = Shop::new(setup).await;
    let path = format!("/array/{}/config.js", shop.token);
    let reply = shop.desk.app.stranger().get(&path).await.expect(200);
    assert_eq!(
        reply.header("content-type"),
        "application/javascript; charset=utf-8"
    );
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("cache-control"), "no-cache");
    let start = format!(
        "window._POSTHOG_REMOTE_CONFIG[\"{}\"] = {{config: ",
        shop.token
    );
    let rest = reply.text.split_once(&start).unwrap().1;
    let (config, _) = rest.split_once(", siteApps: []};").unwrap();
    let config: Value = serde_json::from_str(config).unwrap();
    assert_eq!(config, shop.config().await);
}

async fn a_text_cannot_break_out_of_the_script(setup: Setup) {
    let shop = Shop::new(setup).await;
    let text = "</script><script>alert(1)</script>\u{2028}\"'\\";
    shop.patch(json!({"widget_greeting_text": text})).await;
    let path = format!("/array/{}/config.js", shop.token);
    let reply = shop.desk.app.stranger().get(&path).await.expect(200);
    assert!(!reply.text.contains('<') && !reply.text.contains('\u{2028}'));
    assert_eq!(shop.config().await["conversations"]["greetingText"], text);
}

async fn an_unknown_token_has_no_configuration(setup: Setup) {
    let shop = Shop::new(setup).await;
    let widget = shop.widget.as_str().unwrap();
    for token in ["phc_nope", widget, "%00", &"x".repeat(1000)] {
        for end in ["config", "config.js"] {
            let reply = shop
                .desk
                .app
                .stranger()
                .get(&format!("/array/{token}/{end}"))
                .await;
            assert_error(&reply, 404, "not_found", "");
        }
    }
}

async fn any_site_may_ask(setup: Setup) {
    let shop = Shop::new(setup).await;
    let api = shop.desk.app.stranger();
    for end in ["config", "config.js"] {
        let path = format!("/array/{}/{end}", shop.token);
        let request = api.request(http::Method::GET, &path);
        let reply = api
            .send(request.header("origin", "https://shop.example"))
            .await;
        assert_eq!(reply.expect(200).header("access-control-allow-origin"), "*");
    }
}

async fn settings_of_conversations_are_merged(setup: Setup) {
    let shop = Shop::new(setup).await;
    let first = json!({"widget_color": "#000000", "widget_enabled": true, "unknown": 1});
    shop.patch(json!({ "conversations_settings": first })).await;
    let second =
        json!({"widget_collect_name": "yes", "notification_recipients": ["a@example.com"]});
    let shown = shop
        .patch(json!({ "conversations_settings": second }))
        .await;
    for place in [&shown["conversations_settings"], &shown] {
        assert_eq!(place["widget_color"], "#000000");
        assert_eq!(place["widget_enabled"], true);
        assert_eq!(place["widget_collect_name"], true);
        assert_eq!(place["notification_recipients"], json!(["a@example.com"]));
    }
    assert_eq!(
        shown["conversations_settings"]["widget_public_token"],
        shop.widget
    );
    // A name at the top wins.
    let both =
        json!({"widget_color": "#222222", "conversations_settings": {"widget_color": "#111111"}});
    assert_eq!(shop.patch(both).await["widget_color"], "#222222");
    for (body, attr) in [
        (
            json!({"widget_position": "middle"}),
            "conversations_settings__widget_position",
        ),
        (
            json!({"widget_domains": ["x", 5, null]}),
            "conversations_settings__widget_domains__2",
        ),
    ] {
        let body = json!({ "conversations_settings": body });
        let reply = shop.desk.api.patch(&shop.project, &body).await.expect(400);
        assert_eq!(reply.json["attr"], attr);
    }
    let reply = shop
        .desk
        .api
        .patch(&shop.project, &json!({"conversations_settings": []}))
        .await;
    assert_error(&reply, 400, "not_a_dict", "conversations_settings");
}

async fn tokens_are_not_for_clients_to_write(setup: Setup) {
    let shop = Shop::new(setup).await;
    let body = json!({
        "widget_public_token": "mine", "conversations_settings": {"widget_public_token": "mine", "widget_visitor": "off"},
    });
    let shown = shop.patch(body).await;
    assert_eq!(shown["widget_public_token"], shop.widget);
    assert_eq!(
        shown["conversations_settings"]["widget_public_token"],
        shop.widget
    );
    assert_eq!(shown["widget_visitor"], Value::Null);
}

async fn only_admins_make_a_new_token(setup: Setup) {
    let shop = Shop::new(setup).await;
    let desk = &shop.desk;
    let (organization, project) = (desk.tenant.organization, desk.tenant.project);
    let member = desk.app.member(organization, project).await;
    let (user, now) = (member.user, desk.app.env.now());
    desk.app
        .store
        .write(move |c| {
            let level = model::MemberLevel::Member;
            Box::pin(store::organizations::set_member(
                c,
                organization,
                user,
                level,
                now,
            ))
        })
        .await
        .unwrap();
    for path in [
        "generate_conversations_public_token/",
        "reveal_secret_token/",
        "rotate_secret_token/",
        "delete_secret_token_backup/",
        "project_secret_api_keys/",
    ] {
        let path = format!("{}{path}", shop.project);
        let refused = member.api.post(&path, &json!({})).await;
        assert_error(&refused, 403, "permission_denied", "");
        let key = desk.app.key(desk.tenant.user, &["project:read"]).await;
        let refused = desk.app.api(&key).post(&path, &json!({})).await;
        assert_error(&refused, 403, "permission_denied", "");
    }
}
