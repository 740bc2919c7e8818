//! What SQL touches: tables as `action::database::table`, columns as `action::table::column`, in the words of promptfoo's
//! parser. Apart from the syntax, because permissions are written against these words.

use sqlparser::ast::{
    AlterTableOperation, Assignment, AssignmentTarget, Expr, FromTable, Ident, ObjectName, ObjectType,
    Select, SelectItem, SelectItemQualifiedWildcardKind, Statement, TableFactor, TableObject, TableWithJoins,
    Visit, Visitor,
};
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Name of what is not said.
const UNNAMED: &str = "null";
/// Name of all columns.
const ALL: &str = "(.*)";

/// Tables and columns that statements touch, each once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) tables: Vec<String>,
    pub(super) columns: Vec<String>,
}

impl Access {
    pub(super) fn of(statements: &[Statement]) -> Self {
        let mut all = Self::default();
        for statement in statements {
            let mut walk = Walk::default();
            // Nothing breaks off the walk.
            let _: ControlFlow<()> = statement.visit(&mut walk);
            let Walk {
                tables,
                columns,
                aliases,
                ..
            } = walk;
            for table in tables {
                note(&mut all.tables, table);
            }
            for (action, table, column) in columns {
                let table = table.map(|table| aliases.get(&table).cloned().unwrap_or(table));
                let table = table.as_deref().unwrap_or(UNNAMED);
                note(&mut all.columns, format!("{action}::{table}::{column}"));
            }
        }
        all
    }
}

fn note(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[derive(Default)]
struct Walk {
    tables: Vec<String>,
    /// Action, table or alias as written, column.
    columns: Vec<(&'static str, Option<String>, String)>,
    /// Names of tables by alias; known at the end only, because columns come before the tables they are of.
    aliases: HashMap<String, String>,
    /// Tables that a statement changes: when the walk comes to them, they are not read.
    targets: Vec<(ObjectName, &'static str)>,
}

impl Walk {
    /// A statement changes a table.
    fn changes(&mut self, action: &'static str, name: &ObjectName) {
        self.targets.push((name.clone(), action));
    }

    fn table(&mut self, action: &'static str, name: &ObjectName) {
        let mut parts = parts(name);
        let table = parts.pop().unwrap_or_else(|| UNNAMED.to_owned());
        let database = if parts.is_empty() {
            UNNAMED.to_owned()
        } else {
            parts.join(".")
        };
        self.tables.push(format!("{action}::{database}::{table}"));
    }

    fn column(&mut self, action: &'static str, mut parts: Vec<String>) {
        if let Some(column) = parts.pop() {
            let table = if parts.is_empty() {
                None
            } else {
                Some(parts.join("::"))
            };
            self.columns.push((action, table, column));
        }
    }

    fn column_of(&mut self, action: &'static str, table: &ObjectName, column: String) {
        self.columns.push((action, parts(table).pop(), column));
    }

    fn assigned(&mut self, assignments: &[Assignment]) {
        for assignment in assignments {
            match &assignment.target {
                AssignmentTarget::ColumnName(name) => self.column("update", parts(name)),
                AssignmentTarget::Tuple(names) => {
                    for name in names {
                        self.column("update", parts(name));
                    }
                }
            }
        }
    }

    /// Columns that come into being are counted as read, too.
    fn created(&mut self, name: &Ident) {
        for action in ["select", "create"] {
            self.column(action, vec![name.value.clone()]);
        }
    }
}

fn parts(name: &ObjectName) -> Vec<String> {
    let idents = name.0.iter().filter_map(|part| part.as_ident());
    idents.map(|ident| ident.value.clone()).collect()
}

fn name_of(table: &TableWithJoins) -> Option<&ObjectName> {
    match &table.relation {
        TableFactor::Table { name, .. } => Some(name),
        _ => None,
    }
}

impl Visitor for Walk {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Insert(insert) => {
                if let TableObject::TableName(name) = &insert.table {
                    self.changes("insert", name);
                    if insert.columns.is_empty() {
                        self.column_of("insert", name, ALL.to_owned());
                    }
                    for column in insert.columns.iter().filter_map(|column| parts(column).pop()) {
                        self.column_of("insert", name, column);
                    }
                }
                self.assigned(&insert.assignments);
            }
            Statement::Update(update) => {
                if let Some(name) = name_of(&update.table) {
                    self.changes("update", name);
                }
                self.assigned(&update.assignments);
            }
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                for name in from.iter().filter_map(name_of) {
                    self.changes("delete", name);
                    self.column_of("delete", name, ALL.to_owned());
                }
            }
            Statement::CreateTable(create) => {
                self.changes("create", &create.name);
                create
                    .columns
                    .iter()
                    .for_each(|column| self.created(&column.name));
            }
            Statement::AlterTable(alter) => {
                self.changes("alter", &alter.name);
                for operation in &alter.operations {
                    match operation {
                        AlterTableOperation::AddColumn { column_def, .. } => self.created(&column_def.name),
                        AlterTableOperation::DropColumn { column_names, .. } => {
                            for name in column_names {
                                self.column("select", vec![name.value.clone()]);
                            }
                        }
                        _ => {}
                    }
                }
            }
            Statement::Drop {
                object_type: ObjectType::Table,
                names,
                ..
            } => names.iter().for_each(|name| self.table("drop", name)),
            Statement::Truncate(truncate) => {
                for target in &truncate.table_names {
                    self.changes("truncate", &target.name);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let target = self.targets.iter().position(|(target, _)| target == name);
        let action = target.map_or("select", |at| self.targets.remove(at).1);
        self.table(action, name);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            alias: Some(alias),
            ..
        } = factor
            && let Some(table) = parts(name).pop()
        {
            self.aliases.insert(alias.name.value.clone(), table);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(_) => self.column("select", vec![ALL.to_owned()]),
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                    let mut of = parts(name);
                    of.push(ALL.to_owned());
                    self.column("select", of);
                }
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.column("select", vec![ident.value.clone()]),
            Expr::CompoundIdentifier(idents) => {
                self.column("select", idents.iter().map(|ident| ident.value.clone()).collect());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
