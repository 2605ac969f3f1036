//! Articles and the passages they are searched by.
//!
//! The full-text index changes in the same commit: the database derives it from the passages, by a generated
//! column on PostgreSQL and by triggers on SQLite (migration 0003).

mod search;

pub use search::{PassageHit, first_passages, search};

use crate::statements::{Statement, statements};
use crate::tickets::list::escaped;
use crate::{Conn, FromRow, Result, Row, params};
use model::articles::{Article, ArticleChange, Body, NewArticle, joined_terms};
use model::pagination::Page;
use model::tickets::fold;
use model::{ArticleId, ProjectId, Timestamp};

macro_rules! columns {
    () => {
        "id, title, body, url, is_enabled, source_path, created_at, updated_at"
    };
}

macro_rules! matching {
    () => {
        " FROM article WHERE project_id = ?1 AND (CAST(?2 AS BOOLEAN) IS NULL OR is_enabled = ?2) \
           AND (CAST(?3 AS TEXT) IS NULL OR title_search LIKE ?3 ESCAPE '\\')"
    };
}

statements! {
    FIND = concat!("SELECT ", columns!(), " FROM article WHERE project_id = ?1 AND id = ?2");
    FIND_BY_SOURCE = concat!("SELECT ", columns!(), " FROM article WHERE project_id = ?1 AND source_path = ?2");
    LIST = concat!("SELECT ", columns!(), " FROM article WHERE project_id = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2 OFFSET ?3");
    LIST_MATCHING = concat!("SELECT ", columns!(), matching!(), " ORDER BY created_at DESC, id DESC LIMIT ?4 OFFSET ?5");
    COUNT_MATCHING = concat!("SELECT count(*)", matching!());
    INSERT = "INSERT INTO article (project_id, id, title, body, url, is_enabled, source_path, passages, words, \
                                   created_at, updated_at, title_search) \
              VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11)";
    UPDATE = "UPDATE article SET title = ?3, body = ?4, url = ?5, is_enabled = ?6, passages = ?7, words = ?8, \
                                 updated_at = ?9, title_search = ?10 \
              WHERE project_id = ?1 AND id = ?2";
    DELETE = "DELETE FROM article WHERE project_id = ?1 AND id = ?2";
    SIZE = "SELECT passages, words FROM article WHERE project_id = ?1 AND id = ?2";

    INSERT_PASSAGE = "INSERT INTO article_passage (project_id, id, article_id, number, heading, text, is_enabled, \
                                                   title_terms, heading_terms, terms) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    RENAME_PASSAGES = "UPDATE article_passage SET title_terms = ?3 WHERE project_id = ?1 AND article_id = ?2";
    SWITCH_PASSAGES = "UPDATE article_passage SET is_enabled = ?3 WHERE project_id = ?1 AND article_id = ?2";
    DELETE_PASSAGES = "DELETE FROM article_passage WHERE project_id = ?1 AND article_id = ?2";

    COUNT = "SELECT articles FROM article_totals WHERE project_id = ?1";
    OPEN_TOTALS = "INSERT INTO article_totals (project_id, articles, enabled, passages, words, last_passage) \
                   VALUES (?1, 0, 0, 0, 0, 0) ON CONFLICT (project_id) DO NOTHING";
    LOCK_TOTALS = "SELECT articles, enabled, passages, words, last_passage FROM article_totals WHERE project_id = ?1 /*lock*/";
    UPDATE_TOTALS = "UPDATE article_totals SET articles = ?2, enabled = ?3, passages = ?4, words = ?5, last_passage = ?6 \
                     WHERE project_id = ?1";
}

/// The statements of the search.
pub(crate) const SEARCH: &[Statement] = search::ALL;

impl FromRow for Article {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get()?,
            title: row.get()?,
            body: row.get()?,
            url: row.get()?,
            is_enabled: row.get()?,
            source_path: row.get()?,
            created_at: row.get()?,
            updated_at: row.get()?,
        })
    }
}

/// One article, enabled or not.
///
/// # Errors
/// When the store fails.
pub async fn find(c: &Conn, project: ProjectId, id: ArticleId) -> Result<Option<Article>> {
    c.find(FIND, params![project, id]).await
}

/// The article that was imported from this file.
///
/// # Errors
/// When the store fails.
pub async fn find_by_source(
    c: &Conn,
    project: ProjectId,
    source_path: &str,
) -> Result<Option<Article>> {
    c.find(FIND_BY_SOURCE, params![project, source_path]).await
}

/// What a list of articles is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArticleFilters {
    /// Only enabled ones, or only others.
    pub is_enabled: Option<bool>,
    /// Only with this in their title, in any case.
    pub search: Option<String>,
}

/// One page of the articles that fit, newest first, and how many there are on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list_matching(
    c: &Conn,
    project: ProjectId,
    filters: &ArticleFilters,
    page: Page,
) -> Result<(Vec<Article>, i64)> {
    if *filters == ArticleFilters::default() {
        return list(c, project, page).await;
    }
    let part = |text: &String| format!("%{}%", escaped(&fold(text)));
    let search = filters.search.as_ref().map(part);
    let count = c
        .one(
            COUNT_MATCHING,
            params![project, filters.is_enabled, &search],
        )
        .await?;
    let values = params![
        project,
        filters.is_enabled,
        &search,
        page.limit,
        page.offset
    ];
    Ok((c.all(LIST_MATCHING, values).await?, count))
}

/// One page of the articles, enabled or not, newest first, and how many there are on all pages.
///
/// # Errors
/// When the store fails.
pub async fn list(c: &Conn, project: ProjectId, page: Page) -> Result<(Vec<Article>, i64)> {
    let count = c.find(COUNT, params![project]).await?.unwrap_or(0);
    let articles = c
        .all(LIST, params![project, page.limit, page.offset])
        .await?;
    Ok((articles, count))
}

/// Makes an article; it can be found by the search from the commit on.
///
/// # Errors
/// A constraint when the id or the source path is taken already; otherwise when the store fails.
pub async fn create(
    c: &Conn,
    project: ProjectId,
    new: &NewArticle,
    now: Timestamp,
) -> Result<Article> {
    let mut totals = Totals::lock(c, project).await?;
    let size = Size::of(&new.body);
    let article = Article {
        id: new.id,
        title: new.title.clone(),
        body: new.body.markdown().to_owned(),
        url: new.url.clone(),
        is_enabled: new.is_enabled,
        source_path: new.source_path.clone(),
        created_at: now,
        updated_at: now,
    };
    let title_search = fold(&article.title);
    let values = params![
        project,
        article.id,
        &article.title,
        &article.body,
        &article.url,
        article.is_enabled,
        &article.source_path,
        size.passages,
        size.words,
        now,
        &title_search
    ];
    c.exec(INSERT, values).await?;
    totals
        .insert_passages(c, project, &article, &new.body)
        .await?;
    totals.articles += 1;
    totals.add(size, article.is_enabled);
    totals.save(c, project).await?;
    Ok(article)
}

/// Changes an article and returns it as it is now; `None`: there is no such article. `updated_at` moves only when
/// something has become different.
///
/// # Errors
/// When the store fails.
pub async fn update(
    c: &Conn,
    project: ProjectId,
    id: ArticleId,
    change: &ArticleChange,
    now: Timestamp,
) -> Result<Option<Article>> {
    let mut totals = Totals::lock(c, project).await?;
    let Some(old) = find(c, project, id).await? else {
        return Ok(None);
    };
    let mut article = changed(&old, change);
    if article == old {
        return Ok(Some(old));
    }
    article.updated_at = now;

    let old_size: Size = c.one(SIZE, params![project, id]).await?;
    let mut size = old_size;
    let new_body = change.body.as_ref().filter(|_| article.body != old.body);
    if let Some(body) = new_body {
        c.exec(DELETE_PASSAGES, params![project, id]).await?;
        totals.insert_passages(c, project, &article, body).await?;
        size = Size::of(body);
    } else {
        if article.title != old.title {
            let title_terms = joined_terms(&article.title);
            c.exec(RENAME_PASSAGES, params![project, id, &title_terms])
                .await?;
        }
        if article.is_enabled != old.is_enabled {
            c.exec(SWITCH_PASSAGES, params![project, id, article.is_enabled])
                .await?;
        }
    }
    let title_search = fold(&article.title);
    let values = params![
        project,
        id,
        &article.title,
        &article.body,
        &article.url,
        article.is_enabled,
        size.passages,
        size.words,
        now,
        &title_search
    ];
    c.exec_one(UPDATE, values).await?;
    totals.remove(old_size, old.is_enabled);
    totals.add(size, article.is_enabled);
    totals.save(c, project).await?;
    Ok(Some(article))
}

/// Removes an article for good, and returns what it was. `None`: there is no such article.
///
/// # Errors
/// When the store fails.
pub async fn delete(c: &Conn, project: ProjectId, id: ArticleId) -> Result<Option<Article>> {
    let mut totals = Totals::lock(c, project).await?;
    let Some(old) = find(c, project, id).await? else {
        return Ok(None);
    };
    let size: Size = c.one(SIZE, params![project, id]).await?;
    c.exec(DELETE_PASSAGES, params![project, id]).await?;
    c.exec_one(DELETE, params![project, id]).await?;
    totals.articles -= 1;
    totals.remove(size, old.is_enabled);
    totals.save(c, project).await?;
    Ok(Some(old))
}

fn changed(old: &Article, change: &ArticleChange) -> Article {
    let mut article = old.clone();
    if let Some(title) = &change.title {
        article.title.clone_from(title);
    }
    if let Some(body) = &change.body {
        body.markdown().clone_into(&mut article.body);
    }
    if let Some(url) = &change.url {
        article.url.clone_from(url);
    }
    if let Some(is_enabled) = change.is_enabled {
        article.is_enabled = is_enabled;
    }
    article
}

/// What an article adds to the totals.
#[derive(Clone, Copy)]
struct Size {
    passages: i64,
    words: i64,
}

impl Size {
    fn of(body: &Body) -> Self {
        Self {
            passages: i64::try_from(body.passages().len()).unwrap_or(i64::MAX),
            words: body.passages().iter().map(|passage| passage.words).sum(),
        }
    }
}

impl FromRow for Size {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            passages: row.get()?,
            words: row.get()?,
        })
    }
}

/// The project's row of totals, locked until the transaction ends.
struct Totals {
    articles: i64,
    enabled: i64,
    passages: i64,
    words: i64,
    last_passage: i64,
}

impl FromRow for Totals {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            articles: row.get()?,
            enabled: row.get()?,
            passages: row.get()?,
            words: row.get()?,
            last_passage: row.get()?,
        })
    }
}

impl Totals {
    async fn lock(c: &Conn, project: ProjectId) -> Result<Self> {
        c.exec(OPEN_TOTALS, params![project]).await?;
        c.one(LOCK_TOTALS, params![project]).await
    }

    fn add(&mut self, size: Size, is_enabled: bool) {
        if is_enabled {
            self.enabled += 1;
            self.passages += size.passages;
            self.words += size.words;
        }
    }

    fn remove(&mut self, size: Size, is_enabled: bool) {
        if is_enabled {
            self.enabled -= 1;
            self.passages -= size.passages;
            self.words -= size.words;
        }
    }

    async fn insert_passages(
        &mut self,
        c: &Conn,
        project: ProjectId,
        article: &Article,
        body: &Body,
    ) -> Result<()> {
        let title_terms = joined_terms(&article.title);
        for (number, passage) in (1_i64..).zip(body.passages()) {
            self.last_passage += 1;
            let values = params![
                project,
                self.last_passage,
                article.id,
                number,
                &passage.heading,
                &passage.text,
                article.is_enabled,
                &title_terms,
                &passage.heading_terms,
                &passage.terms
            ];
            c.exec(INSERT_PASSAGE, values).await?;
        }
        Ok(())
    }

    async fn save(&self, c: &Conn, project: ProjectId) -> Result<()> {
        let values = params![
            project,
            self.articles,
            self.enabled,
            self.passages,
            self.words,
            self.last_passage
        ];
        c.exec_one(UPDATE_TOTALS, values).await
    }
}

#[cfg(test)]
mod tests;
