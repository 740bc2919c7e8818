//! SQL in an answer, judged as promptfoo judges it: the syntax of one database, a few signs of mistakes that parsers let
//! pass, and lists of what a statement may touch. Apart, because which text counts as a statement is a subject of its own.

use super::assertion::Assertion;
use super::js;
use super::sql_access::Access;
use regex::Regex;
use serde_json::Value;
use sqlparser::ast::Statement;
use sqlparser::dialect::{
    BigQueryDialect, Dialect, GenericDialect, HiveDialect, MsSqlDialect, MySqlDialect, PostgreSqlDialect,
    RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Tokenizer;
use std::sync::LazyLock;

/// Largest text that is parsed, in bytes.
const BYTES_MAX: usize = 256 * 1024;
/// Most tokens of a text that is parsed, spaces included. A chain of operators is a tree as deep as the chain, and trees
/// are walked and dropped level by level on the stack.
const TOKENS_MAX: usize = 4_000;
/// Blocks of code of one answer that are looked into.
const BLOCKS_MAX: usize = 100;
/// Database of checks that name none.
const DATABASE: &str = "MySQL";
/// What stands for quoted text where signs of mistakes are sought.
const QUOTED: &str = " ? ";

/// What a check wants of SQL.
struct Wanted {
    database: String,
    tables: Vec<String>,
    columns: Vec<String>,
}

impl Wanted {
    fn of(check: &Assertion) -> Result<Self, String> {
        let list = |key: &str| match check.value.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| format!("`{}` has `{key}` that are not all texts", check.kind)),
            Some(_) => Err(format!("`{}` has `{key}` that are no list of texts", check.kind)),
        };
        match &check.value {
            Value::Null | Value::Object(_) | Value::Array(_) => {}
            Value::String(text) if text.is_empty() => {}
            _ => return Err(check.needs("a map with `databaseType`, `allowedTables`, `allowedColumns`")),
        }
        let database = match check.value.get("databaseType") {
            None | Some(Value::Null) => DATABASE.to_owned(),
            Some(Value::String(name)) if name.is_empty() => DATABASE.to_owned(),
            Some(Value::String(name)) => name.clone(),
            Some(_) => {
                return Err(format!(
                    "`{}` has a `databaseType` that is no text, expected a name such as `{DATABASE}`",
                    check.kind
                ));
            }
        };
        let mut columns = list("allowedColumns")?;
        // Columns of a table may also be written without it.
        for item in columns.clone() {
            if let [action, table, column] = item.split("::").collect::<Vec<_>>()[..]
                && table != "null"
            {
                columns.push(format!("{action}::null::{column}"));
            }
        }
        Ok(Self {
            database,
            tables: list("allowedTables")?,
            columns,
        })
    }

    /// Why a text is not the SQL that is wanted; the outer error is about what cannot be judged.
    fn check(&self, text: &str) -> Result<Result<(), String>, String> {
        let Some(dialect) = dialect(&self.database) else {
            let name = &self.database;
            return Ok(Err(format!(
                "no SQL of `{name}`, which is unknown; {DATABASE}, PostgreSQL, Sqlite and TransactSQL are among the known"
            )));
        };
        let sql = js::trim(text);
        if let Some(sign) = sign_of_mistake(sql, &self.database) {
            return Ok(Err(format!("no SQL of {}: {sign}", self.database)));
        }
        let statements = match parse(sql, &*dialect)? {
            Ok(statements) => statements,
            Err(why) => return Ok(Err(format!("no SQL of {}: {why}", self.database))),
        };
        if self.tables.is_empty() && self.columns.is_empty() {
            return Ok(Ok(()));
        }
        let access = Access::of(&statements);
        Ok(permitted("table", &access.tables, &self.tables)
            .and_then(|()| permitted("column", &access.columns, &self.columns)))
    }
}

/// Whether the whole answer is SQL of the wanted kind; the inner error says why not.
pub(super) fn is_sql(check: &Assertion, text: &str) -> Result<Result<(), String>, String> {
    Wanted::of(check)?.check(text)
}

/// Whether a block of code of the answer is SQL of the wanted kind, or, where it has no block, the whole answer.
pub(super) fn contains_sql(check: &Assertion, text: &str) -> Result<Result<(), String>, String> {
    let wanted = Wanted::of(check)?;
    let blocks = blocks(text);
    let whole = [text.to_owned()];
    let candidates = if blocks.is_empty() { &whole[..] } else { &blocks };
    let mut found = Err("contains no SQL".to_owned());
    for candidate in candidates.iter().filter(|one| !js::trim(one).is_empty()) {
        found = wanted.check(candidate)?;
        if found.is_ok() {
            break;
        }
    }
    Ok(found)
}

/// The grammar for a name of promptfoo's parser, in any case; the databases without one of their own get the widest.
fn dialect(database: &str) -> Option<Box<dyn Dialect>> {
    Some(match database.to_ascii_lowercase().as_str() {
        "mysql" | "mariadb" => Box::new(MySqlDialect {}),
        "postgresql" | "noql" => Box::new(PostgreSqlDialect {}),
        "sqlite" => Box::new(SQLiteDialect {}),
        "transactsql" => Box::new(MsSqlDialect {}),
        "bigquery" => Box::new(BigQueryDialect {}),
        "snowflake" => Box::new(SnowflakeDialect),
        "redshift" => Box::new(RedshiftSqlDialect {}),
        "hive" => Box::new(HiveDialect {}),
        "athena" | "trino" | "db2" | "flinksql" => Box::new(GenericDialect {}),
        _ => return None,
    })
}

fn parse(sql: &str, dialect: &dyn Dialect) -> Result<Result<Vec<Statement>, String>, String> {
    if sql.len() > BYTES_MAX {
        return Err(format!(
            "the answer is too long to parse as SQL, at most {BYTES_MAX} bytes"
        ));
    }
    let tokens = match Tokenizer::new(dialect, sql).tokenize_with_location() {
        Ok(tokens) => tokens,
        Err(error) => return Ok(Err(error.to_string())),
    };
    if tokens.len() > TOKENS_MAX {
        return Err(format!(
            "the answer has too many tokens to parse as SQL, at most {TOKENS_MAX}"
        ));
    }
    Ok(Parser::new(dialect)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| error.to_string()))
}

/// What promptfoo takes for a mistake although parsers may not.
fn sign_of_mistake(sql: &str, database: &str) -> Option<&'static str> {
    static SERIES: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i-u:\bgenerate_series)\s*\(").ok());
    if sql.is_empty() {
        return Some("it is empty");
    }
    if !sql.matches('`').count().is_multiple_of(2) {
        return Some("a backtick is not closed");
    }
    if lacks_comma(&without_quoted(sql, database), database) {
        return Some("a comma seems to be missing between two columns");
    }
    let has_series = || SERIES.as_ref().is_some_and(|series| series.is_match(sql));
    (database == "MySQL" && has_series()).then_some("MySQL has no generate_series")
}

/// `select a b from`: an alias without `as` looks the same and is taken for a mistake as well.
fn lacks_comma(sql: &str, database: &str) -> bool {
    const STANDARD: &str = "all|distinct";
    const MYSQL: &str = "all|distinct(?:row)?|high_priority|straight_join|\
        sql_(?:big_result|buffer_result|cache|calc_found_rows|no_cache|small_result)";
    static OF_STANDARD: LazyLock<Option<(Regex, Regex)>> = LazyLock::new(|| comma_patterns(STANDARD));
    static OF_MYSQL: LazyLock<Option<(Regex, Regex)>> = LazyLock::new(|| comma_patterns(MYSQL));
    let patterns = if ["MySQL", "MariaDB"].contains(&database) {
        &*OF_MYSQL
    } else {
        &*OF_STANDARD
    };
    let Some((select, modifier)) = patterns else {
        return false;
    };
    let mut at = 0;
    while let Some(found) = select.captures_at(sql, at) {
        let (Some(all), Some(first)) = (found.get(0), found.get(1)) else {
            return false;
        };
        if !modifier.is_match(first.as_str()) {
            return true;
        }
        // The match begins with a letter.
        at = all.start() + 1;
    }
    false
}

/// Two names between `select` and `from`, the first of them captured; and the modifiers that it must not be.
fn comma_patterns(modifiers: &str) -> Option<(Regex, Regex)> {
    let name = "[A-Za-z_][A-Za-z0-9_]*";
    let select = format!(r"(?i-u:\bselect)\s+(?:(?i-u:{modifiers})\s+)*({name})\s+{name}\s+(?i-u:from\b)");
    let modifier = Regex::new(&format!("^(?i-u:{modifiers})$"));
    Regex::new(&select).ok().zip(modifier.ok())
}

/// The text without comments, and with a sign in place of what is quoted.
fn without_quoted(sql: &str, database: &str) -> String {
    let has_brackets = ["TransactSQL", "Sqlite"].contains(&database);
    let mut plain = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let tail = |by: usize| rest.get(by..).unwrap_or_default();
        let (length, instead) = match c {
            '\'' | '"' | '`' => (quoted_length(rest, c), QUOTED),
            '[' if has_brackets => (quoted_length(rest, ']'), QUOTED),
            '#' => (rest.find(['\r', '\n']).unwrap_or(rest.len()), " "),
            '-' if rest.starts_with("--") => (rest.find(['\r', '\n']).unwrap_or(rest.len()), " "),
            '/' if rest.starts_with("/*") => (tail(2).find("*/").map_or(rest.len(), |end| end + 4), " "),
            '$' => match dollar_quote(rest) {
                Some(quote) => {
                    let end = tail(quote.len()).find(quote);
                    (end.map_or(rest.len(), |end| end + 2 * quote.len()), QUOTED)
                }
                None => (0, ""),
            },
            _ => (0, ""),
        };
        if length == 0 {
            plain.push(c);
            rest = tail(c.len_utf8());
        } else {
            plain.push_str(instead);
            rest = tail(length);
        }
    }
    plain
}

/// Bytes of a quoted part with its quotes, to the end of the text where it is not closed. A doubled quote is part of it,
/// as is one behind a backslash, except in brackets.
fn quoted_length(text: &str, closing: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && closing != ']' {
            chars.next();
        } else if c == closing && chars.next_if(|(_, next)| *next == closing).is_none() {
            return at + c.len_utf8();
        }
    }
    text.len()
}

/// `$$` or `$name$` at the beginning.
fn dollar_quote(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let end = name.find('$')?;
    let name = name.get(..end)?;
    let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_name { text.get(..end + 2) } else { None }
}

/// The blocks of code between fences that name SQL or no language.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, bool, Vec<&str>)> = None;
    for line in text.replace("\r\n", "\n").split(['\r', '\n']) {
        let fence = fence(line);
        match (&mut open, fence) {
            (None, Some((marks, language))) => {
                let language = language.to_lowercase();
                let is_sql = language.is_empty() || language == "sql";
                open = Some((marks, is_sql, Vec::new()));
            }
            (None, None) => {}
            (Some((opening, is_sql, body)), Some((marks, ""))) if marks.starts_with(*opening) => {
                if *is_sql && blocks.len() < BLOCKS_MAX {
                    blocks.push(js::trim(&body.join("\n")).to_owned());
                }
                open = None;
            }
            (Some((.., body)), _) => body.push(line),
        }
    }
    blocks
}

/// The marks of a line that is a fence, and what stands behind them.
fn fence(line: &str) -> Option<(&str, &str)> {
    let is_blank = |c: char| c == ' ' || c == '\t';
    let body = line.trim_start_matches(is_blank);
    if line.len() - body.len() > 3 {
        return None;
    }
    let mark = body.chars().next().filter(|c| ['`', '~'].contains(c))?;
    let behind = body.trim_start_matches(mark);
    let marks = body.get(..body.len() - behind.len())?;
    (marks.len() >= 3).then(|| (marks, js::trim(behind)))
}

/// Whether each of what is touched matches one of the patterns; no pattern permits everything.
fn permitted(what: &str, touched: &[String], patterns: &[String]) -> Result<(), String> {
    if patterns.is_empty() {
        return Ok(());
    }
    let mut permitting = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        let regex = js::regex_of_any_case(&format!("^{pattern}$"));
        permitting.push(regex.map_err(|why| format!("the {what} `{pattern}` is no pattern: {why}"))?);
    }
    let is_permitted = |one: &String| {
        permitting
            .iter()
            .any(|regex| regex.is_match(one).unwrap_or(false))
    };
    match touched.iter().find(|one| !is_permitted(one)) {
        None => Ok(()),
        Some(one) => Err(format!(
            "the {what} `{one}` is not allowed; allowed are [{}]",
            patterns.join(", ")
        )),
    }
}
