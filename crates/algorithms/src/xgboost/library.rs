//! The XGBoost library itself, loaded at run time through its C interface.
//!
//! Everything unsafe of this crate is in this file; the rest sees [`Library`], [`Matrix`] and [`Booster`].
//! A process uses **one** version: the shared objects share `STB_GNU_UNIQUE` symbols, so two versions side by
//! side would mix their registries. Loading a second version is therefore an error.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_float, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use super::version::Version;

/// What XGBoost said, or why it could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// The shared object cannot be loaded, or is not XGBoost.
    #[error("cannot load XGBoost's library `{path}`: {reason}")]
    Load {
        /// The file that was tried.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// A call into the library failed.
    #[error("{0}")]
    Call(String),
}

/// A loaded `libxgboost`, for the rest of the process's life.
pub struct Library {
    path: PathBuf,
    version: Version,
    api: Api,
}

/// Rows of features with their labels, in XGBoost's memory.
pub struct Matrix {
    library: &'static Library,
    handle: *mut c_void,
    rows: usize,
}

/// A model: being trained, or loaded for prediction.
pub struct Booster {
    library: &'static Library,
    handle: *mut c_void,
}

/// What a booster answers: one value a row, or one row of values a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Row by row.
    pub values: Vec<f32>,
    /// Values of a row; 1 for everything but probabilities of classes and their margins.
    pub width: usize,
    /// Whether XGBoost answered a table (`multi:softprob`) rather than a list.
    pub table: bool,
}

/// What to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The objective's own values: numbers, probabilities, classes.
    Value,
    /// The sum of the leaves, before the objective's transformation.
    Margin,
}

static LOADED: OnceLock<Mutex<Option<&'static Library>>> = OnceLock::new();

thread_local! {
    // XGBoost keeps its log callback by thread too.
    static MESSAGES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Library {
    /// Loads the library at `path`, or hands out the one that is loaded already if it is the same version.
    pub fn load(path: &Path) -> Result<&'static Library, LibraryError> {
        let mut loaded =
            LOADED.get_or_init(Mutex::default).lock().unwrap_or_else(|poison| poison.into_inner());
        if let Some(library) = *loaded {
            if library.path == path {
                return Ok(library);
            }
            return Err(LibraryError::Load {
                path: path.to_owned(),
                reason: format!(
                    "this process already uses XGBoost {} from `{}`, and two cannot live in one process",
                    library.version,
                    library.path.display()
                ),
            });
        }
        let fail = |reason: String| LibraryError::Load { path: path.to_owned(), reason };
        // SAFETY: loading runs the object's initialisers. The path is one the operator installed or named as
        // XGBoost's library; `Api::bind` checks that every function we call is there before any is called.
        let object =
            unsafe { libloading::Library::new(path) }.map_err(|error| fail(error.to_string()))?;
        // XGBoost's OpenMP threads outlive any single call, so the object is never unloaded.
        let object: &'static libloading::Library = Box::leak(Box::new(object));
        let api = Api::bind(object).map_err(fail)?;
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: writes three ints through valid pointers.
        unsafe { (api.version)(&mut major, &mut minor, &mut patch) };
        let version = Version {
            major: major.max(0) as u32,
            minor: minor.max(0) as u32,
            patch: patch.max(0) as u32,
        };
        let library: &'static Library =
            Box::leak(Box::new(Library { path: path.to_owned(), version, api }));
        *loaded = Some(library);
        Ok(library)
    }

    /// Asks a shared object for its version, without keeping it for use. Only for objects that no file
    /// describes: each one asked stays mapped.
    pub fn probe(path: &Path) -> Result<Version, LibraryError> {
        let fail = |reason: String| LibraryError::Load { path: path.to_owned(), reason };
        // SAFETY: as in `load`.
        let object =
            unsafe { libloading::Library::new(path) }.map_err(|error| fail(error.to_string()))?;
        let object: &'static libloading::Library = Box::leak(Box::new(object));
        // SAFETY: `XGBoostVersion` has had this signature since 1.0.
        let version = unsafe { object.get::<VersionFn>(b"XGBoostVersion\0") }
            .map_err(|error| fail(error.to_string()))?;
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: writes three ints through valid pointers.
        unsafe { version(&mut major, &mut minor, &mut patch) };
        Ok(Version {
            major: major.max(0) as u32,
            minor: minor.max(0) as u32,
            patch: patch.max(0) as u32,
        })
    }

    /// Where it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What `XGBoostVersion` says.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Collects what XGBoost would print from this thread; [`Library::take_messages`] hands it out.
    pub fn listen(&self) {
        extern "C" fn keep(message: *const c_char) {
            if message.is_null() {
                return;
            }
            // SAFETY: XGBoost hands over a NUL-terminated string that lives for the call.
            let text = unsafe { CStr::from_ptr(message) }.to_string_lossy().trim_end().to_owned();
            MESSAGES.with_borrow_mut(|messages| messages.push(text));
        }
        // SAFETY: a plain function pointer that lives as long as the program.
        unsafe { (self.api.register_log_callback)(Some(keep)) };
    }

    /// What XGBoost has said on this thread since the last call.
    pub fn take_messages(&self) -> Vec<String> {
        MESSAGES.take()
    }

    /// A matrix of `rows` × `columns` values, row by row; NaN is missing. The values are copied.
    pub fn dense(
        &'static self,
        values: &[f32],
        rows: usize,
        columns: usize,
        nthread: usize,
    ) -> Result<Matrix, LibraryError> {
        let data = table(values, rows, columns)?;
        let config =
            CString::new(format!(r#"{{"missing":NaN,"nthread":{nthread}}}"#)).expect("no NUL");
        let mut handle = std::ptr::null_mut();
        // SAFETY: `data` describes `values`, which lives over the call and has rows × columns elements (checked
        // by `table`); XGBoost copies it.
        self.check(unsafe {
            (self.api.matrix_from_dense)(data.as_ptr(), config.as_ptr(), &mut handle)
        })?;
        Ok(Matrix { library: self, handle, rows })
    }

    /// A matrix in compressed sparse rows; what is not there is missing. The values are copied.
    pub fn sparse(&'static self, sparse: &Sparse, nthread: usize) -> Result<Matrix, LibraryError> {
        let offsets = list(&sparse.offsets, "<u8");
        let indices = list(&sparse.indices, "<u4");
        let values = list(&sparse.values, "<f4");
        let config =
            CString::new(format!(r#"{{"missing":NaN,"nthread":{nthread}}}"#)).expect("no NUL");
        sparse.check()?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the three arrays live over the call and `Sparse::check` has verified that the offsets rise to
        // the number of values and that every index is below `columns`; XGBoost copies them.
        self.check(unsafe {
            (self.api.matrix_from_csr)(
                offsets.as_ptr(),
                indices.as_ptr(),
                values.as_ptr(),
                sparse.columns as u64,
                config.as_ptr(),
                &mut handle,
            )
        })?;
        Ok(Matrix { library: self, handle, rows: sparse.rows() })
    }

    /// An empty booster that knows the matrices it will be trained and evaluated on, so that their predictions
    /// are kept from round to round.
    pub fn booster(&'static self, matrices: &[&Matrix]) -> Result<Booster, LibraryError> {
        let handles: Vec<_> = matrices.iter().map(|matrix| matrix.handle).collect();
        let mut handle = std::ptr::null_mut();
        // SAFETY: the handles are live matrices of this library; XGBoost keeps weak references to them.
        self.check(unsafe {
            (self.api.booster_create)(handles.as_ptr(), handles.len() as u64, &mut handle)
        })?;
        Ok(Booster { library: self, handle })
    }

    fn check(&self, status: c_int) -> Result<(), LibraryError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: after a failed call this is a NUL-terminated string of this thread.
        let text = unsafe { CStr::from_ptr((self.api.last_error)()) }.to_string_lossy();
        Err(LibraryError::Call(without_stack_trace(&text)))
    }
}

impl Matrix {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Sets the labels, one a row.
    pub fn set_labels(&mut self, labels: &[f32]) -> Result<(), LibraryError> {
        self.set("label", &list(labels, "<f4"))
    }

    /// Sets the weights, one a row.
    pub fn set_weights(&mut self, weights: &[f32]) -> Result<(), LibraryError> {
        self.set("weight", &list(weights, "<f4"))
    }

    /// Sets the query (ranking group) of each row; rows of a query lie together.
    pub fn set_queries(&mut self, queries: &[u32]) -> Result<(), LibraryError> {
        self.set("qid", &list(queries, "<u4"))
    }

    /// A copy of the given rows, with labels and weights.
    pub fn slice(&self, rows: &[i32]) -> Result<Matrix, LibraryError> {
        if let Some(row) = rows.iter().find(|row| **row < 0 || **row as usize >= self.rows) {
            return Err(LibraryError::Call(format!(
                "row {row} is not in a matrix of {} rows",
                self.rows
            )));
        }
        let mut handle = std::ptr::null_mut();
        // SAFETY: the row numbers were checked to lie in the matrix; XGBoost copies what they name.
        self.library.check(unsafe {
            (self.library.api.matrix_slice)(
                self.handle,
                rows.as_ptr(),
                rows.len() as u64,
                &mut handle,
                0,
            )
        })?;
        Ok(Matrix { library: self.library, handle, rows: rows.len() })
    }

    fn set(&mut self, field: &str, array: &CStr) -> Result<(), LibraryError> {
        let field = CString::new(field).expect("no NUL");
        // SAFETY: the array lives over the call; XGBoost checks its length against the rows and copies it.
        self.library.check(unsafe {
            (self.library.api.matrix_set_info)(self.handle, field.as_ptr(), array.as_ptr())
        })
    }
}

impl Booster {
    /// Sets a parameter by its name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), LibraryError> {
        let (name, value) = (text(name)?, text(value)?);
        // SAFETY: two NUL-terminated strings, copied by XGBoost.
        self.check(unsafe {
            (self.library.api.booster_set_param)(self.handle, name.as_ptr(), value.as_ptr())
        })
    }

    /// One round of boosting.
    pub fn update(&mut self, round: usize, train: &Matrix) -> Result<(), LibraryError> {
        // SAFETY: both handles are live, and `&mut self` keeps predictions out.
        self.check(unsafe {
            (self.library.api.booster_update)(self.handle, round as c_int, train.handle)
        })
    }

    /// XGBoost's metrics on some matrices: `(matrix name, metric, value)` in the order it gives them.
    pub fn evaluate(
        &mut self,
        round: usize,
        watched: &[(&Matrix, &str)],
    ) -> Result<Vec<(String, String, f64)>, LibraryError> {
        let handles: Vec<_> = watched.iter().map(|(matrix, _)| matrix.handle).collect();
        let names = watched.iter().map(|(_, name)| text(name)).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        let mut answer = std::ptr::null();
        // SAFETY: as many names as handles, all live over the call.
        self.check(unsafe {
            (self.library.api.booster_eval)(
                self.handle,
                round as c_int,
                handles.as_ptr(),
                names.as_ptr(),
                handles.len() as u64,
                &mut answer,
            )
        })?;
        // SAFETY: XGBoost answers a NUL-terminated string that lives until the booster's next call.
        let answer = unsafe { CStr::from_ptr(answer) }.to_string_lossy();
        Ok(metrics_of(&answer, &watched.iter().map(|(_, name)| *name).collect::<Vec<_>>()))
    }

    /// Predicts a matrix with the first `rounds` rounds (0: all).
    pub fn predict(
        &self,
        matrix: &Matrix,
        output: Output,
        rounds: usize,
    ) -> Result<Prediction, LibraryError> {
        let config = CString::new(format!(
            r#"{{"type":{},"training":false,"iteration_begin":0,"iteration_end":{rounds},"strict_shape":false}}"#,
            output as u8
        ))
        .expect("no NUL");
        let (mut shape, mut dimensions, mut values) = (std::ptr::null(), 0, std::ptr::null());
        // SAFETY: both handles are live; prediction does not change the model and keeps its answer in memory of
        // this thread until the thread's next call, before which `prediction` has copied it.
        self.check(unsafe {
            (self.library.api.booster_predict_matrix)(
                self.handle,
                matrix.handle,
                config.as_ptr(),
                &mut shape,
                &mut dimensions,
                &mut values,
            )
        })?;
        // SAFETY: XGBoost just filled the three.
        Ok(unsafe { prediction(shape, dimensions, values) })
    }

    /// Predicts rows where they lie, without making a matrix; `columns` must be the model's.
    pub fn predict_dense(
        &self,
        rows_of_values: &[f32],
        rows: usize,
        columns: usize,
        rounds: usize,
    ) -> Result<Prediction, LibraryError> {
        let data = table(rows_of_values, rows, columns)?;
        let config = CString::new(format!(
            r#"{{"type":0,"training":false,"iteration_begin":0,"iteration_end":{rounds},"strict_shape":false,"missing":NaN,"cache_id":0}}"#
        ))
        .expect("no NUL");
        let (mut shape, mut dimensions, mut values) = (std::ptr::null(), 0, std::ptr::null());
        // SAFETY: `data` describes a live slice of rows × columns values; the null handle means "no base margin".
        // As above for the answer.
        self.check(unsafe {
            (self.library.api.booster_predict_dense)(
                self.handle,
                data.as_ptr(),
                config.as_ptr(),
                std::ptr::null_mut(),
                &mut shape,
                &mut dimensions,
                &mut values,
            )
        })?;
        // SAFETY: XGBoost just filled the three.
        Ok(unsafe { prediction(shape, dimensions, values) })
    }

    /// The model as the bytes of a file, in the format `ubj` or `json`.
    pub fn save(&self, format: &str) -> Result<Vec<u8>, LibraryError> {
        let config = text(&format!(r#"{{"format":"{format}"}}"#))?;
        let (mut length, mut bytes) = (0, std::ptr::null());
        // SAFETY: XGBoost answers a buffer of `length` bytes that lives until the booster's next call.
        self.check(unsafe {
            (self.library.api.booster_save)(self.handle, config.as_ptr(), &mut length, &mut bytes)
        })?;
        // SAFETY: as said; copied at once.
        Ok(unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length as usize) }.to_vec())
    }

    /// Replaces the model by the one in these bytes.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), LibraryError> {
        // SAFETY: a live slice, read during the call only.
        self.check(unsafe {
            (self.library.api.booster_load)(self.handle, bytes.as_ptr().cast(), bytes.len() as u64)
        })
    }

    /// Sets an attribute that is kept with the model.
    pub fn set_attribute(&mut self, name: &str, value: &str) -> Result<(), LibraryError> {
        let (name, value) = (text(name)?, text(value)?);
        // SAFETY: two NUL-terminated strings, copied by XGBoost.
        self.check(unsafe {
            (self.library.api.booster_set_attr)(self.handle, name.as_ptr(), value.as_ptr())
        })
    }

    /// An attribute of the model.
    pub fn attribute(&self, name: &str) -> Result<Option<String>, LibraryError> {
        let name = text(name)?;
        let (mut value, mut found) = (std::ptr::null(), 0);
        // SAFETY: XGBoost sets `found`, and `value` to a string of this thread if it is 1.
        self.check(unsafe {
            (self.library.api.booster_get_attr)(self.handle, name.as_ptr(), &mut value, &mut found)
        })?;
        if found == 0 || value.is_null() {
            return Ok(None);
        }
        // SAFETY: as said; copied at once.
        Ok(Some(unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned()))
    }

    /// The booster's whole configuration, as XGBoost's JSON.
    pub fn config(&self) -> Result<String, LibraryError> {
        let (mut length, mut value) = (0, std::ptr::null());
        // SAFETY: XGBoost answers a NUL-terminated string of this thread.
        self.check(unsafe {
            (self.library.api.booster_config)(self.handle, &mut length, &mut value)
        })?;
        // SAFETY: as said; copied at once.
        Ok(unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned())
    }

    /// How many features it was trained on.
    pub fn features(&self) -> Result<usize, LibraryError> {
        let mut features = 0;
        // SAFETY: writes one number.
        self.check(unsafe { (self.library.api.booster_features)(self.handle, &mut features) })?;
        Ok(features as usize)
    }

    /// How many rounds of boosting it holds.
    pub fn rounds(&self) -> Result<usize, LibraryError> {
        let mut rounds = 0;
        // SAFETY: writes one number.
        self.check(unsafe { (self.library.api.booster_rounds)(self.handle, &mut rounds) })?;
        Ok(rounds.max(0) as usize)
    }

    fn check(&self, status: c_int) -> Result<(), LibraryError> {
        self.library.check(status)
    }
}

/// Compressed sparse rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sparse {
    /// Where each row begins in `indices` and `values`, and where the last one ends.
    pub offsets: Vec<u64>,
    /// The column of each value.
    pub indices: Vec<u32>,
    /// The values.
    pub values: Vec<f32>,
    /// How many columns there are.
    pub columns: usize,
}

impl Sparse {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    fn check(&self) -> Result<(), LibraryError> {
        let rising = self.offsets.first() == Some(&0) && self.offsets.is_sorted();
        let whole = self.offsets.last() == Some(&(self.values.len() as u64))
            && self.values.len() == self.indices.len();
        if rising && whole && self.indices.iter().all(|index| (*index as usize) < self.columns) {
            return Ok(());
        }
        Err(LibraryError::Call("the sparse rows do not fit together".to_owned()))
    }
}

// SAFETY: a matrix is not tied to the thread that made it, and is only read after its labels are set.
unsafe impl Send for Matrix {}
// SAFETY: methods that change it take `&mut self`.
unsafe impl Sync for Matrix {}
// SAFETY: a booster is not tied to the thread that made it.
unsafe impl Send for Booster {}
// SAFETY: what changes it takes `&mut self`. Prediction, attributes and saving through `&self` keep their answers
// in thread-local memory, and XGBoost documents prediction of tree models as safe from several threads; the one
// exception, the first call after loading, which completes the configuration, and linear models are guarded by
// the caller (`inference.rs` predicts once before it shares a booster, and holds a lock for linear models).
unsafe impl Sync for Booster {}

impl Drop for Matrix {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and this is its last use.
        unsafe { (self.library.api.matrix_free)(self.handle) };
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and this is its last use.
        unsafe { (self.library.api.booster_free)(self.handle) };
    }
}

/// # Safety
/// The arguments are what a prediction just filled: a shape of `dimensions` numbers and their product of values.
unsafe fn prediction(shape: *const u64, dimensions: u64, values: *const c_float) -> Prediction {
    // SAFETY: by this function's own contract.
    let shape = unsafe { std::slice::from_raw_parts(shape, dimensions as usize) };
    let count = shape.iter().product::<u64>() as usize;
    if count == 0 {
        return Prediction { values: Vec::new(), width: 1, table: shape.len() > 1 };
    }
    // SAFETY: by this function's own contract.
    let values = unsafe { std::slice::from_raw_parts(values, count) }.to_vec();
    Prediction { values, width: (count / shape[0] as usize).max(1), table: shape.len() > 1 }
}

/// NumPy's array interface of a table of numbers, which is how XGBoost is told where memory lies.
fn table(values: &[f32], rows: usize, columns: usize) -> Result<CString, LibraryError> {
    if rows.checked_mul(columns) != Some(values.len()) {
        return Err(LibraryError::Call(format!(
            "{} values are not {rows} rows of {columns}",
            values.len()
        )));
    }
    text(&format!(
        r#"{{"data":[{},true],"shape":[{rows},{columns}],"typestr":"<f4","version":3}}"#,
        values.as_ptr() as usize
    ))
}

fn list<T>(values: &[T], kind: &str) -> CString {
    let description = format!(
        r#"{{"data":[{},true],"shape":[{}],"typestr":"{kind}","version":3}}"#,
        values.as_ptr() as usize,
        values.len()
    );
    CString::new(description).expect("no NUL")
}

fn text(text: &str) -> Result<CString, LibraryError> {
    CString::new(text).map_err(|_| LibraryError::Call(format!("{text:?} has a NUL character")))
}

/// `[3]\ttrain-rmse:1.5\tvalidation-rmse:2.5`, cut at the known names since both parts may hold dashes.
fn metrics_of(answer: &str, names: &[&str]) -> Vec<(String, String, f64)> {
    let mut metrics = Vec::new();
    for part in answer.split('\t').skip(1) {
        let Some((name, value)) = part.rsplit_once(':') else { continue };
        let Some(set) = names
            .iter()
            .find(|set| name.strip_prefix(**set).is_some_and(|rest| rest.starts_with('-')))
        else {
            continue;
        };
        let value = value.trim().parse().unwrap_or(f64::NAN);
        metrics.push((set.to_string(), name[set.len() + 1..].to_owned(), value));
    }
    metrics
}

/// The message of `[10:02:03] /path/file.cc:87: Check failed: …\nStack trace:\n…` without the frames.
fn without_stack_trace(text: &str) -> String {
    text.split("\nStack trace:").next().unwrap_or(text).trim().to_owned()
}

type VersionFn = unsafe extern "C" fn(*mut c_int, *mut c_int, *mut c_int);
type LogCallback = extern "C" fn(*const c_char);

macro_rules! api {
    ($($field:ident = $symbol:literal : fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of XGBoost's `c_api.h` that we call; `bst_ulong` is a `u64` there.
        struct Api { $($field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)* }

        impl Api {
            fn bind(object: &'static libloading::Library) -> Result<Api, String> {
                // SAFETY: the signatures below are those of `c_api.h`, unchanged from 1.7 to 3.2.
                Ok(Api { $($field: *unsafe { object.get(concat!($symbol, "\0").as_bytes()) }
                    .map_err(|_| format!("it has no function `{}`; XGBoost 1.7 or later is needed", $symbol))?,)* })
            }
        }
    };
}

api! {
    version = "XGBoostVersion": fn(*mut c_int, *mut c_int, *mut c_int);
    last_error = "XGBGetLastError": fn() -> *const c_char;
    register_log_callback = "XGBRegisterLogCallback": fn(Option<LogCallback>) -> c_int;
    matrix_from_dense = "XGDMatrixCreateFromDense": fn(*const c_char, *const c_char, *mut *mut c_void) -> c_int;
    matrix_from_csr = "XGDMatrixCreateFromCSR":
        fn(*const c_char, *const c_char, *const c_char, u64, *const c_char, *mut *mut c_void) -> c_int;
    matrix_set_info = "XGDMatrixSetInfoFromInterface": fn(*mut c_void, *const c_char, *const c_char) -> c_int;
    matrix_slice = "XGDMatrixSliceDMatrixEx": fn(*mut c_void, *const c_int, u64, *mut *mut c_void, c_int) -> c_int;
    matrix_free = "XGDMatrixFree": fn(*mut c_void) -> c_int;
    booster_create = "XGBoosterCreate": fn(*const *mut c_void, u64, *mut *mut c_void) -> c_int;
    booster_free = "XGBoosterFree": fn(*mut c_void) -> c_int;
    booster_set_param = "XGBoosterSetParam": fn(*mut c_void, *const c_char, *const c_char) -> c_int;
    booster_update = "XGBoosterUpdateOneIter": fn(*mut c_void, c_int, *mut c_void) -> c_int;
    booster_eval = "XGBoosterEvalOneIter":
        fn(*mut c_void, c_int, *const *mut c_void, *const *const c_char, u64, *mut *const c_char) -> c_int;
    booster_predict_matrix = "XGBoosterPredictFromDMatrix":
        fn(*mut c_void, *mut c_void, *const c_char, *mut *const u64, *mut u64, *mut *const c_float) -> c_int;
    booster_predict_dense = "XGBoosterPredictFromDense":
        fn(*mut c_void, *const c_char, *const c_char, *mut c_void, *mut *const u64, *mut u64, *mut *const c_float) -> c_int;
    booster_save = "XGBoosterSaveModelToBuffer": fn(*mut c_void, *const c_char, *mut u64, *mut *const c_char) -> c_int;
    booster_load = "XGBoosterLoadModelFromBuffer": fn(*mut c_void, *const c_void, u64) -> c_int;
    booster_set_attr = "XGBoosterSetAttr": fn(*mut c_void, *const c_char, *const c_char) -> c_int;
    booster_get_attr = "XGBoosterGetAttr": fn(*mut c_void, *const c_char, *mut *const c_char, *mut c_int) -> c_int;
    booster_config = "XGBoosterSaveJsonConfig": fn(*mut c_void, *mut u64, *mut *const c_char) -> c_int;
    booster_features = "XGBoosterGetNumFeature": fn(*mut c_void, *mut u64) -> c_int;
    booster_rounds = "XGBoosterBoostedRounds": fn(*mut c_void, *mut c_int) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_cut_at_the_names_of_the_sets() {
        let answer = "[3]\ttrain-rmse:1.5\tvalidation-gamma-nloglik:-2.5\tvalidation-ndcg@5-:0.25";
        assert_eq!(
            metrics_of(answer, &["train", "validation"]),
            [
                ("train".to_owned(), "rmse".to_owned(), 1.5),
                ("validation".to_owned(), "gamma-nloglik".to_owned(), -2.5),
                ("validation".to_owned(), "ndcg@5-".to_owned(), 0.25),
            ]
        );
    }

    #[test]
    fn a_message_loses_its_stack_trace() {
        let text = "[10:00:00] /ws/src/objective.cc:120: label must be in [0,1]\nStack trace:\n  [bt] (0) lib.so";
        assert_eq!(
            without_stack_trace(text),
            "[10:00:00] /ws/src/objective.cc:120: label must be in [0,1]"
        );
    }

    #[test]
    fn sparse_rows_that_do_not_fit_are_refused() {
        let sparse =
            Sparse { offsets: vec![0, 1], indices: vec![3], values: vec![1.0], columns: 3 };
        assert!(sparse.check().is_err());
        assert!(Sparse { columns: 4, ..sparse }.check().is_ok());
    }

    #[test]
    fn a_file_that_is_no_library_says_so() {
        let error = Library::probe(Path::new("/nonexistent/libxgboost.so")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot load XGBoost's library `/nonexistent/libxgboost.so`: ")
        );
    }
}
