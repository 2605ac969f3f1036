//! A project's form in the OpenAPI document, made from the table of settings.

use model::settings::{Rule, SETTINGS, Setting};
use std::borrow::Cow;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A project with all its settings.
pub(super) struct ProjectDetail;

/// What can be changed of a project.
pub(super) struct PatchedProject;

impl ToSchema for ProjectDetail {
    fn name() -> Cow<'static, str> {
        "Project".into()
    }
}

impl PartialSchema for ProjectDetail {
    fn schema() -> RefOr<Schema> {
        let mut object = with_settings(ObjectBuilder::new(), |_| true)
            .property("id", integer())
            .property("organization", text(Some(KnownFormat::Uuid)))
            .property("name", text(None))
            .property("api_token", described(text(None), "The public token."))
            .property("widget_public_token", {
                let mut token = described(text(None), "Null while conversations are switched off.");
                token.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
                token
            })
            .property("conversations_settings", conversations(true))
            .property("created_at", text(Some(KnownFormat::DateTime)))
            .property(
                "has_secret_token_backup",
                described(
                    flag(),
                    "Whether the secret token before the present one is valid, too.",
                ),
            )
            .property(
                "is_mail_configured",
                described(
                    flag(),
                    "Whether this server sends mails. If not, they wait in the outbox.",
                ),
            );
        let own = [
            "id",
            "organization",
            "name",
            "api_token",
            "widget_public_token",
            "conversations_settings",
            "created_at",
            "has_secret_token_backup",
            "is_mail_configured",
        ];
        let settings = SETTINGS.iter().map(|setting| setting.name);
        for name in own.into_iter().chain(settings) {
            object = object.required(name);
        }
        object.into()
    }
}

impl ToSchema for PatchedProject {
    fn name() -> Cow<'static, str> {
        "PatchedProject".into()
    }
}

impl PartialSchema for PatchedProject {
    fn schema() -> RefOr<Schema> {
        with_settings(ObjectBuilder::new(), |_| true)
            .property("name", text(None))
            .property("conversations_settings", conversations(false))
            .into()
    }
}

/// The settings of conversations once more, as one object; in answers with the widget's token.
fn conversations(with_token: bool) -> ObjectBuilder {
    let doc = "The settings of widget and tickets as one object. What is sent is merged into it member by member.";
    let object = ObjectBuilder::new().description(Some(doc));
    let object = with_settings(object, Setting::is_of_conversations);
    if !with_token {
        return object;
    }
    let mut token = described(text(None), "Managed by the server.");
    token.schema_type = SchemaType::from_iter([Type::String, Type::Null]);
    object.property("widget_public_token", token)
}

fn with_settings(mut object: ObjectBuilder, is_in: impl Fn(&Setting) -> bool) -> ObjectBuilder {
    for setting in SETTINGS.iter().filter(|setting| is_in(setting)) {
        object = match setting.rule {
            Rule::Texts { most, .. } => {
                object.property(setting.name, list(text(None), most, setting.doc))
            }
            Rule::Emails { most } => object.property(
                setting.name,
                list(text(Some(KnownFormat::Email)), most, setting.doc),
            ),
            Rule::Integers { most, .. } => {
                object.property(setting.name, list(integer(), most, setting.doc))
            }
            Rule::OfficeHours => object.property(setting.name, office_hours(setting.doc)),
            rule => {
                let mut property = described(scalar(rule), setting.doc);
                property.default = Some(setting.default());
                object.property(setting.name, property)
            }
        };
    }
    object
}

fn scalar(rule: Rule) -> Object {
    let mut object = text(None);
    match rule {
        Rule::Boolean => object.schema_type = SchemaType::new(Type::Boolean),
        Rule::Limit => object.schema_type = SchemaType::from_iter([Type::String, Type::Null]),
        Rule::Choice(words) => {
            object.enum_values = Some(words.iter().map(|&word| word.into()).collect())
        }
        Rule::Text { length } => object.max_length = Some(length),
        Rule::OfficeHours
        | Rule::Timezone
        | Rule::Texts { .. }
        | Rule::Emails { .. }
        | Rule::Integers { .. } => {}
    }
    object
}

fn office_hours(doc: &str) -> ObjectBuilder {
    let days = "Such as `monday`; at least one.";
    let time = "`any`, or start and end such as `[\"09:00\", \"17:00\"]`.";
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(doc.trim()))
        .property("days", list(text(None), 7, days))
        .property(
            "time",
            described(Object::with_type(SchemaType::AnyValue), time),
        )
        .required("days")
        .required("time")
}

fn list(item: Object, most: usize, doc: &str) -> ArrayBuilder {
    ArrayBuilder::new()
        .items(item)
        .max_items(Some(most))
        .description(Some(doc.trim()))
}

fn text(format: Option<KnownFormat>) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .format(format.map(SchemaFormat::KnownFormat))
        .build()
}

fn flag() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).build()
}

fn integer() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Integer))
        .build()
}

fn described(mut object: Object, doc: &str) -> Object {
    object.description = Some(doc.trim().to_owned());
    object
}
