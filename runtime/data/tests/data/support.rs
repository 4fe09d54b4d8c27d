//! Small tables, stores and steps for the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use mlinfra_api::{
    Column, ColumnBase, ColumnType, Digest, RowExpression, RowOperator, Scalar, TableType, Value,
};
use mlinfra_data::{StepFault, read_table, run_data_step};
use mlinfra_runtime_spec::{
    ArtifactReference, Bounds, Manifest, RequestField, RequestSchema, StepInput, StepSpec,
    StoreReference, operation_version,
};
use mlinfra_seal::SealKey;
use tempfile::TempDir;

/// A folder of a test's own with one store in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) store: StoreReference,
    pub(crate) bounds: Bounds,
}

impl Place {
    /// With a store in the clear.
    pub(crate) fn plain() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreReference {
            folder: folder.path().join("store"),
            key_file: None,
            capacity: None,
        };
        Place {
            folder,
            store,
            bounds: bounds(2),
        }
    }

    /// With an encrypted store.
    pub(crate) fn sealed() -> Self {
        let mut place = Place::plain();
        let key_file = place.folder.path().join("keys").join("vault.key");
        SealKey::generate().write_new(&key_file).unwrap();
        place.store.key_file = Some(key_file);
        place
    }

    pub(crate) fn file(&self, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("data.csv");
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn artifact(&self, name: &str) -> ArtifactReference {
        ArtifactReference {
            store: self.store.clone(),
            key: key(name),
            part: None,
        }
    }

    /// Reads a CSV text into the artifact `name`.
    pub(crate) fn ingest(
        &self,
        name: &str,
        text: impl AsRef<[u8]>,
        table: &TableType,
    ) -> Result<Manifest, StepFault> {
        let path = self.file(text.as_ref());
        self.ingest_file(name, &path, &Digest::of(text.as_ref()).to_string(), table)
    }

    pub(crate) fn ingest_file(
        &self,
        name: &str,
        path: &Path,
        sha256: &str,
        table: &TableType,
    ) -> Result<Manifest, StepFault> {
        let input = StepInput::File {
            path: path.to_owned(),
            sha256: sha256.to_owned(),
        };
        let mut spec = self.spec("ingest", name, table);
        spec.inputs = BTreeMap::from([("from".to_owned(), input)]);
        run_data_step(&spec, &self.bounds, &mut |_| {})
    }

    pub(crate) fn spec(&self, operation: &str, name: &str, result: &TableType) -> StepSpec {
        StepSpec {
            operation: operation.to_owned(),
            version: operation_version(operation).unwrap(),
            key: key(name),
            store: self.store.clone(),
            inputs: BTreeMap::new(),
            settings: BTreeMap::new(),
            entries: Vec::new(),
            result: Some(result.clone()),
            serving: None,
        }
    }

    /// Runs a step on the artifact `from` and gives the artifact `to`.
    pub(crate) fn step(
        &self,
        operation: &str,
        (from, to): (&str, &str),
        entries: Vec<(String, Value)>,
        settings: &[(&str, Value)],
        result: &TableType,
    ) -> Result<Manifest, StepFault> {
        let input = StepInput::Artifact {
            artifact: self.artifact(from),
            table: None,
        };
        let mut spec = self.spec(operation, to, result);
        spec.inputs = BTreeMap::from([("data".to_owned(), input)]);
        spec.entries = entries;
        spec.settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        run_data_step(&spec, &self.bounds, &mut |_| {})
    }

    pub(crate) fn read(&self, name: &str) -> RecordBatch {
        read_table(&self.artifact(name)).unwrap()
    }

    pub(crate) fn part(&self, name: &str, part: &str) -> RecordBatch {
        let mut artifact = self.artifact(name);
        artifact.part = Some(part.to_owned());
        read_table(&artifact).unwrap()
    }
}

pub(crate) fn bounds(threads: usize) -> Bounds {
    Bounds {
        cpus: Vec::new(),
        threads,
        memory_bytes: None,
    }
}

/// A recipe key made from a name.
pub(crate) fn key(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

/// A table from `name: type` texts: `age: int?`.
pub(crate) fn table(columns: &[&str]) -> TableType {
    let column = |text: &&str| {
        let (name, word) = text.split_once(": ").unwrap();
        let nullable = word.ends_with('?');
        let base = match word.trim_end_matches('?') {
            "int" => ColumnBase::Int,
            "float" => ColumnBase::Float,
            "bool" => ColumnBase::Bool,
            "string" => ColumnBase::String,
            "category" => ColumnBase::Category,
            "date" => ColumnBase::Date,
            other => panic!("no type {other}"),
        };
        Column {
            name: name.to_owned(),
            column_type: ColumnType { base, nullable },
            classes: Default::default(),
        }
    };
    TableType {
        columns: columns.iter().map(column).collect(),
    }
}

pub(crate) fn request(columns: &[&str]) -> RequestSchema {
    RequestSchema {
        fields: table(columns)
            .columns
            .into_iter()
            .map(|column| RequestField {
                name: column.name,
                column_type: column.column_type,
            })
            .collect(),
    }
}

/// The cells of a batch as texts, `-` for a missing one.
pub(crate) fn cells(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::new().with_null("-");
    let columns: Vec<ArrayFormatter> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
        .collect();
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|c| c.value(row).to_string()).collect())
        .collect()
}

/// One column's cells as texts.
pub(crate) fn column_cells(batch: &RecordBatch, name: &str) -> Vec<String> {
    let index = batch.schema().index_of(name).unwrap();
    cells(batch)
        .into_iter()
        .map(|row| row[index].clone())
        .collect()
}

pub(crate) fn column(name: &str) -> RowExpression {
    RowExpression::Column(name.to_owned())
}

pub(crate) fn int(number: i64) -> RowExpression {
    RowExpression::Literal(Scalar::Int(number))
}

pub(crate) fn decimal(text: &str) -> RowExpression {
    RowExpression::Literal(Scalar::Decimal(text.parse().unwrap()))
}

pub(crate) fn text(text: &str) -> RowExpression {
    RowExpression::Literal(Scalar::String(text.to_owned()))
}

pub(crate) fn flag(flag: bool) -> RowExpression {
    RowExpression::Literal(Scalar::Bool(flag))
}

pub(crate) fn binary(
    left: RowExpression,
    operator: RowOperator,
    right: RowExpression,
) -> RowExpression {
    RowExpression::Binary {
        operator,
        left: Box::new(left),
        right: Box::new(right),
    }
}

pub(crate) fn within(operand: RowExpression, set: &[Scalar]) -> RowExpression {
    RowExpression::In {
        operand: Box::new(operand),
        set: set.to_vec(),
    }
}

pub(crate) fn choose(
    condition: RowExpression,
    then: RowExpression,
    otherwise: RowExpression,
) -> RowExpression {
    RowExpression::If {
        condition: Box::new(condition),
        then: Box::new(then),
        otherwise: Box::new(otherwise),
    }
}

pub(crate) fn coalesce(first: RowExpression, second: RowExpression) -> RowExpression {
    RowExpression::Coalesce(Box::new(first), Box::new(second))
}

pub(crate) fn not(operand: RowExpression) -> RowExpression {
    RowExpression::Not(Box::new(operand))
}

pub(crate) fn negate(operand: RowExpression) -> RowExpression {
    RowExpression::Negate(Box::new(operand))
}

pub(crate) fn call(function: &str, arguments: &[RowExpression]) -> RowExpression {
    RowExpression::Call {
        function: function.to_owned(),
        arguments: arguments.to_vec(),
    }
}

pub(crate) fn entry(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}

pub(crate) fn row(name: &str, expression: RowExpression) -> (String, Value) {
    entry(name, Value::Row(expression))
}

pub(crate) fn drop_masking() -> Value {
    Value::case("drop")
}

pub(crate) fn bucket(width: i64) -> Value {
    Value::Case {
        name: "bucket".to_owned(),
        arguments: BTreeMap::from([("width".to_owned(), Value::Int(width))]),
    }
}

/// The names and digests of an artifact's objects.
pub(crate) fn digests(manifest: &Manifest) -> BTreeMap<String, String> {
    manifest
        .objects
        .iter()
        .map(|(name, entry)| (name.clone(), entry.sha256.clone()))
        .collect()
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_below(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    files
}
