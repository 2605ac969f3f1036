//! What a page of a list looks like in the document.

/// Declares the schema of a page, which handlers answer with as [`model::pagination::Paginated`].
macro_rules! page_schema {
    ($(#[$doc:meta])* $visibility:vis $name:ident of $item:ident as $schema:ident) => {
        $(#[$doc])*
        #[derive(utoipa::ToSchema)]
        #[schema(as = $schema)]
        #[expect(dead_code, reason = "describes model::pagination::Paginated")]
        $visibility struct $name {
            count: i64,
            #[schema(format = "uri")]
            next: Option<String>,
            #[schema(format = "uri")]
            previous: Option<String>,
            results: Vec<$item>,
        }
    };
}

pub(crate) use page_schema;
