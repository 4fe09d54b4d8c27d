//! A spec and its folder: finding it, checking it, naming its files.

mod elsewhere;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mlinfra_check::{Answer, Checked, CheckedTest, FileId, ParameterSource, Program, Question};
use mlinfra_runtime_spec::files::STATE;

use crate::arguments::Global;
use crate::problem::{Exit, Problem, Stop};
use crate::view::diagnostic::{self, Finding, Sources};
use crate::view::ending::{program, quoted};
use crate::view::{Screen, json};
use crate::world::{Disk, Parameters, reason};

/// The root file of a folder with several specs.
const ROOT: &str = "main.mlinfra";
/// The environment of a spec that declares none: its state is that of the project itself.
pub(crate) const DEFAULT: &str = "default";
/// The code of a word that fits both.
const BOTH_FIT: &str = "E1035";
/// Where the states of all other environments lie, in the project's state folder.
const ENVIRONMENTS: &str = "environments";

/// Of the folder of another project's environments no more entries are looked at.
const ENTRIES_MAX: usize = 1_000;

/// The spec that a command is about.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// As it was given on the command line.
    pub(crate) given: PathBuf,
    /// The folder of the root file: everything that the spec reads is in it.
    pub(crate) folder: PathBuf,
    /// The root file's name.
    pub(crate) root: String,
    parameters: Parameters,
    /// The files of parameters that were named.
    parameter_files: Vec<PathBuf>,
    /// The options of the command line that say what its parameters are, as they stood there.
    options: Vec<String>,
    /// The environments that the spec declares, once somebody asked.
    declared: OnceLock<Vec<String>>,
}

/// A spec without errors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sound {
    /// What it says.
    pub(crate) program: Program,
    /// Its files, for findings that come later.
    pub(crate) sources: Sources,
    /// What was read for it beside the root file, each with a digest.
    pub(crate) read: BTreeMap<String, String>,
}

impl Workspace {
    /// Finds the root file: the file that was given, or `main.mlinfra` or the only spec in the
    /// folder that was given. A word may be an environment of the spec in this folder instead:
    /// `mlinfra apply prod`.
    pub(crate) fn find(given: &Path, global: &Global) -> Result<Self, Problem> {
        let name = given.to_str().filter(|name| is_word(name));
        let here = name.and_then(|_| Workspace::find_spec(Path::new("."), global).ok());
        let (Some(name), Some(mut here)) = (name, here) else {
            return Workspace::find_spec(given, global);
        };
        let declared = here.declared().to_vec();
        let is_declared = declared.iter().any(|declared| declared == name);
        match (Workspace::find_spec(given, global), &global.environment) {
            (Ok(_), None) if is_declared => Err(elsewhere::both_fit(name)),
            (Ok(found), _) => Ok(found),
            // What an option names must be the same.
            (Err(_), asked) if is_declared && asked.as_ref().is_none_or(|asked| asked == name) => {
                here.parameters.environment = Some(name.to_owned());
                Ok(here)
            }
            (Err(missing), _) if declared.is_empty() => Err(missing),
            (Err(missing), _) => {
                let names: Vec<String> = declared.iter().map(|name| format!("`{name}`")).collect();
                let names = names.join(", ");
                Err(missing.detail(format!(
                    "nor has the spec in this folder such an environment: it declares {names}"
                )))
            }
        }
    }

    fn of(given: &Path, folder: &Path, root: &str, global: &Global) -> Result<Self, Problem> {
        let parameters = Parameters::read(global)?;
        if let Some(name) = parameters
            .environment
            .as_ref()
            .filter(|name| !is_word(name))
        {
            return Err(
                Problem::usage(format!("`{name}` is no name of an environment"))
                    .help("a name begins with a letter, and has letters, digits and `_`"),
            );
        }
        let texts = global
            .param
            .iter()
            .map(|text| format!("--param {}", quoted(text)));
        let files = (global.params.iter())
            .map(|file| format!("--params {}", quoted(&file.to_string_lossy())));
        Ok(Workspace {
            given: given.to_owned(),
            folder: folder.to_owned(),
            root: root.to_owned(),
            parameters,
            parameter_files: global.params.clone(),
            options: texts.chain(files).collect(),
            declared: OnceLock::new(),
        })
    }

    fn find_spec(given: &Path, global: &Global) -> Result<Self, Problem> {
        let found = |folder: &Path, root: &str| Workspace::of(given, folder, root, global);
        if given.is_dir() {
            let root = root_in(given)?;
            return found(given, &root);
        }
        let missing = |why: &str| {
            Problem::new(Exit::Usage, "E1001", "there is no spec here")
                .detail(format!("{}: {why}", given.display()))
                .help(format!("`{} init` writes a working one", program()))
        };
        if let Err(error) = std::fs::metadata(given) {
            return Err(missing(&reason(error)));
        }
        let Some(name) = given.file_name().and_then(|name| name.to_str()) else {
            return Err(missing("its name is not UTF-8"));
        };
        let folder = match given.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => Path::new("."),
        };
        found(folder, name)
    }

    /// The same for commands that need the state alone: the spec may be gone, or be several.
    pub(crate) fn find_state(given: &Path, global: &Global) -> Result<Self, Problem> {
        let missing = match Workspace::find(given, global) {
            Ok(found) => return Ok(found),
            Err(problem) if problem.code.as_deref() == Some(BOTH_FIT) => return Err(problem),
            Err(problem) => problem,
        };
        // Only what is called like a spec stands for the folder that it would lie in.
        let is_spec = given.extension().is_some_and(|ending| ending == "mlinfra");
        let folder = match (given.is_dir(), given.parent()) {
            (true, _) => given,
            (false, _) if !is_spec => return Err(missing),
            (false, Some(parent)) if !parent.as_os_str().is_empty() => parent,
            (false, _) => Path::new("."),
        };
        let found = Workspace::of(given, folder, ROOT, global)?;
        match found.states_folder().is_dir() {
            true => Ok(found),
            false => Err(missing),
        }
    }

    /// Whether a word is the folder of a spec or of its state.
    pub(crate) fn has_state_or_spec(folder: &Path) -> bool {
        root_in(folder).is_ok() || folder.join(STATE).is_dir()
    }

    /// The folder that every state of this spec lies in.
    fn states_folder(&self) -> PathBuf {
        self.folder.join(STATE)
    }

    /// The folder that holds the state, which need not exist: of the environment that is meant.
    pub(crate) fn state_folder(&self) -> PathBuf {
        state_folder(&self.folder, self.environment())
    }

    /// The same as the user would type it.
    pub(crate) fn shown_state(&self) -> String {
        let folder = self.state_folder();
        let inside = folder.strip_prefix(&self.folder).unwrap_or(&folder);
        self.shown(&inside.to_string_lossy())
    }

    /// The environment that is meant; `default` for a spec that declares none. One that is called
    /// so has the state of the spec before it declared any.
    pub(crate) fn environment(&self) -> &str {
        self.parameters.environment.as_deref().unwrap_or(DEFAULT)
    }

    /// The environment that was named, if one was.
    pub(crate) fn environment_asked(&self) -> Option<&str> {
        self.parameters.environment.as_deref()
    }

    /// The environments that the spec declares; none if it can't be read.
    fn declared(&self) -> &[String] {
        self.declared.get_or_init(|| {
            let world = Disk::new(&self.folder, self.parameters.clone());
            mlinfra_check::environments(&world, &self.root)
        })
    }

    /// Fails where the spec declares environments and none of them is meant: the states of two are
    /// never taken for one another.
    pub(crate) fn chosen(&self) -> Result<(), Problem> {
        let declared = self.declared();
        let list = || {
            let names: Vec<String> = declared.iter().map(|name| format!("`{name}`")).collect();
            names.join(", ")
        };
        let asked = self.parameters.environment.as_ref();
        let is_known = asked.is_none_or(|asked| declared.contains(asked));
        match (asked, declared.first()) {
            (None, None) => Ok(()),
            (None, Some(first)) => Err(Problem::new(
                Exit::Usage,
                "E0970",
                "it is not said which environment is meant",
            )
            .detail(format!(
                "the spec declares {}; each has a state of its own",
                list()
            ))
            .help(format!("name one: `-e {first}`"))),
            (Some(_), _) if is_known || self.state_folder().is_dir() => Ok(()),
            (Some(asked), _) => Err(Problem::new(
                Exit::Usage,
                "E0130",
                "the spec has no such environment",
            )
            .detail(match declared.is_empty() {
                true => format!("it declares none, so there is no `{asked}`"),
                false => format!("`{asked}` is none of {}", list()),
            })),
        }
    }

    /// The checked program of a command that does without: none if it has errors.
    pub(crate) fn sound_if_any(&self) -> Option<Sound> {
        let world = self.world();
        let checked = mlinfra_check::check(&world, &self.root);
        let sources = self.sources(&checked);
        (!checked.has_errors()).then(|| Sound {
            program: checked.program,
            sources,
            read: self.read_beside(&world),
        })
    }

    /// What the compiler may ask of this spec's outside.
    pub(crate) fn world(&self) -> Disk {
        Disk::new(&self.folder, self.parameters.clone())
    }

    /// Whether a file of this name is in the spec's folder.
    pub(crate) fn owns(&self, name: &str) -> bool {
        self.folder.join(name).is_file()
    }

    /// Checks the spec.
    pub(crate) fn check(&self) -> Checked {
        mlinfra_check::check(&self.world(), &self.root)
    }

    /// Checks the spec with the parameters of one of its tests.
    pub(crate) fn check_test(&self, name: &str) -> CheckedTest {
        mlinfra_check::check_test(&self.world(), &self.root, name)
    }

    /// Evaluates an expression in the scope of the spec; the files of its findings come along.
    pub(crate) fn ask(&self, question: &Question<'_>) -> (Answer, Sources) {
        let mut answer = mlinfra_check::evaluate(&self.world(), &self.root, question);
        let files = Checked {
            files: std::mem::take(&mut answer.files),
            ..Checked::default()
        };
        (answer, self.sources(&files))
    }

    /// What an expression in the scope of the spec may begin with.
    pub(crate) fn names(&self) -> Vec<String> {
        mlinfra_check::names(&self.world(), &self.root)
    }

    /// The files of a checked spec, named so that they can be opened from where the user is.
    pub(crate) fn sources(&self, checked: &Checked) -> Sources {
        let named = |id: usize| {
            let file = &checked.files[id];
            let number = u32::try_from(id).unwrap_or(u32::MAX);
            let name = match self.is_ours(checked, FileId(number)) {
                true => self.shown(&file.name),
                false => file.name.clone(),
            };
            (name, file.text.clone())
        };
        Sources {
            files: (0..checked.files.len()).map(named).collect(),
        }
    }

    /// Whether a file is the user's, not one of the standard library.
    pub(crate) fn is_ours(&self, checked: &Checked, file: FileId) -> bool {
        let file = checked.files.get(file.0 as usize);
        file.is_some_and(|file| self.owns(&file.name))
    }

    /// A path in the spec's folder as the user would type it.
    pub(crate) fn shown(&self, name: &str) -> String {
        match self.folder == Path::new(".") {
            true => name.to_owned(),
            false => self.folder.join(name).display().to_string(),
        }
    }

    /// The root file as the user would type it.
    pub(crate) fn shown_root(&self) -> String {
        self.shown(&self.root)
    }

    /// What follows a command's name so that it means this spec with these parameters:
    /// ` examples/credit --param replicas=2`, or nothing.
    pub(crate) fn argument(&self) -> String {
        let argument = match self.given == Path::new(".") {
            true => String::new(),
            false => format!(" {}", quoted(&self.given.to_string_lossy())),
        };
        let options = self.options.iter().map(|option| format!(" {option}"));
        argument + &options.collect::<String>() + &self.environment_option()
    }

    /// The words that give another process of ours the same parameters: what was given by name, and
    /// the files, which are read again.
    pub(crate) fn parameter_words(&self, program: &Program) -> Vec<String> {
        let files = self.parameter_files.iter().flat_map(|file| {
            let file = file.canonicalize().unwrap_or_else(|_| file.clone());
            ["--params".to_owned(), file.to_string_lossy().into_owned()]
        });
        let texts = self.parameters.texts.iter();
        let texts = texts.filter_map(|(name, (source, text))| {
            let given = program.parameters.get(name)?;
            // What a file gave instead is in the file.
            let counts = match source {
                ParameterSource::CommandLine => given.from == "--param",
                ParameterSource::Variable => given.from.starts_with("MLINFRA_PARAM_"),
            };
            counts.then(|| format!("{name}={text}"))
        });
        let texts = texts.flat_map(|text| ["--param".to_owned(), text]);
        files.chain(texts).collect()
    }

    /// The words that name the environment to another process of ours.
    pub(crate) fn environment_words(&self) -> Vec<String> {
        let environment = self.parameters.environment.as_ref();
        environment.map_or_else(Vec::new, |name| vec!["-e".to_owned(), name.clone()])
    }

    /// ` -e prod`, or nothing.
    fn environment_option(&self) -> String {
        let environment = self.parameters.environment.as_ref();
        environment.map_or(String::new(), |name| format!(" -e {name}"))
    }

    /// The same for commands whose own word comes first: ` --spec examples/credit`.
    pub(crate) fn option(&self) -> String {
        match self.given == Path::new(".") {
            true => self.environment_option(),
            false => {
                let spec = quoted(&self.given.to_string_lossy());
                format!(" --spec {spec}{}", self.environment_option())
            }
        }
    }

    /// The text with every `mlinfra WORD …` between backticks as it can be copied here: this
    /// program as it was called, and this spec.
    pub(crate) fn copyable(&self, text: &str) -> String {
        let pieces = text.split('`').enumerate();
        let pieces = pieces.map(|(index, piece)| match piece.strip_prefix("mlinfra ") {
            // Between backticks is every second piece.
            Some(words) if index % 2 == 1 => self.command(words),
            _ => piece.to_owned(),
        });
        pieces.collect::<Vec<_>>().join("`")
    }

    fn command(&self, words: &str) -> String {
        let of_spec = match words.split(' ').next() {
            Some("check" | "plan" | "apply" | "destroy") => self.argument(),
            Some("attach" | "show" | "output" | "log" | "state") => self.option(),
            _ => String::new(),
        };
        let of_spec = match words.ends_with(&of_spec) {
            true => "",
            false => &of_spec,
        };
        format!("{} {words}{of_spec}", program())
    }

    /// What was read beside the root file.
    fn read_beside(&self, world: &Disk) -> BTreeMap<String, String> {
        let mut read = world.noted();
        read.remove(&self.root);
        read
    }

    /// The checked program. Findings are shown; errors among them end the command.
    pub(crate) fn sound(&self, command: &str, screen: &Screen) -> Result<Sound, Stop> {
        self.sound_of(command, false, screen)
    }

    /// The same for a command about one state: of several environments one must be meant.
    pub(crate) fn sound_of_state(&self, command: &str, screen: &Screen) -> Result<Sound, Stop> {
        self.sound_of(command, true, screen)
    }

    fn sound_of(&self, command: &str, needs_state: bool, screen: &Screen) -> Result<Sound, Stop> {
        let world = self.world();
        let checked = mlinfra_check::check(&world, &self.root);
        let is_open = self.parameters.environment.is_none();
        if needs_state && is_open && checked.program.environment.is_some() {
            self.chosen().map_err(|problem| problem.at(self))?;
        }
        let sources = self.sources(&checked);
        if !checked.diagnostics.is_empty() {
            self.show_findings(command, &checked, &sources, screen);
        }
        match checked.has_errors() {
            true => Err(Stop::Shown(Exit::Usage)),
            false => Ok(Sound {
                program: checked.program,
                sources,
                read: self.read_beside(&world),
            }),
        }
    }

    fn show_findings(&self, command: &str, checked: &Checked, sources: &Sources, screen: &Screen) {
        if screen.json {
            if checked.has_errors() {
                let findings = checked.diagnostics.iter();
                let findings: Vec<_> = findings.map(|d| json::diagnostic(d, sources)).collect();
                let body = serde_json::json!({ "diagnostics": findings });
                screen.print_json(&json::envelope(command, body));
            }
            return;
        }
        let findings: Vec<Finding> = checked.diagnostics.iter().map(Into::into).collect();
        screen.warn(&diagnostic::findings(&findings, sources, screen));
        screen.warn(&diagnostic::summary(&findings, &self.shown_root(), screen));
        if !checked.has_errors() {
            screen.warn("\n");
        }
    }
}

/// The folder of the state of a project and environment.
pub(crate) fn state_folder(project: &Path, environment: &str) -> PathBuf {
    let states = project.join(STATE);
    match environment {
        DEFAULT => states,
        environment => states.join(ENVIRONMENTS).join(environment),
    }
}

/// The environments of a project that have a state, the first so many.
pub(crate) fn environments_in(project: &Path, count_max: usize) -> Vec<String> {
    let folder = project.join(STATE).join(ENVIRONMENTS);
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let names = entries
        .take(ENTRIES_MAX)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let has_state = |name: &String| is_word(name) && folder.join(name).join("state.db").exists();
    let mut names: Vec<String> = names.filter(has_state).collect();
    names.sort();
    names.truncate(count_max);
    names
}

/// Whether a text is a name as a spec writes it.
pub(crate) fn is_word(text: &str) -> bool {
    let mut letters = text.chars();
    letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// The root file of a folder.
fn root_in(folder: &Path) -> Result<String, Problem> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        Problem::new(Exit::Usage, "E1001", "there is no spec here").detail(format!(
            "{}: {}",
            folder.display(),
            reason(error)
        ))
    })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".mlinfra")).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    if names.iter().any(|name| name == ROOT) {
        return Ok(ROOT.to_owned());
    }
    match names.len() {
        0 => Err(Problem::new(Exit::Usage, "E1001", "there is no spec here")
            .detail(format!(
                "{} holds no file that ends in `.mlinfra`",
                folder.display()
            ))
            .help(format!("`{} init` writes a working one", program()))),
        1 => Ok(names.remove(0)),
        _ => Err(Problem::new(
            Exit::Usage,
            "E1002",
            "several files could be the root of the spec",
        )
        .detail(format!("{}: {}", folder.display(), names.join(", ")))
        .help("name one of them on the command line, or call the root `main.mlinfra`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(path: &str) -> Workspace {
        Workspace {
            given: PathBuf::from(path),
            folder: PathBuf::from(path),
            root: ROOT.to_owned(),
            parameters: Parameters::default(),
            parameter_files: Vec::new(),
            options: Vec::new(),
            declared: OnceLock::new(),
        }
    }

    #[test]
    fn an_environment_has_a_folder_and_options_of_its_own() {
        let mut prod = given("churn");
        prod.parameters.environment = Some("prod".to_owned());
        let folder = Path::new("churn/.mlinfra/environments/prod");
        assert_eq!(prod.state_folder(), folder);
        assert_eq!(prod.argument(), " churn -e prod");
        assert_eq!(prod.option(), " --spec churn -e prod");
        assert_eq!(given("churn").state_folder(), Path::new("churn/.mlinfra"));
        prod.parameters.environment = Some(DEFAULT.to_owned());
        assert_eq!(prod.state_folder(), Path::new("churn/.mlinfra"));
        assert!(is_word("prod_2") && !is_word("../prod") && !is_word("") && !is_word("2"));
    }

    #[test]
    fn what_follows_a_command_repeats_its_parameters() {
        let with = |path: &str| Workspace {
            options: vec![
                "--param epochs=40".to_owned(),
                "--param 'name=a b'".to_owned(),
            ],
            ..given(path)
        };
        let parameters = " --param epochs=40 --param 'name=a b'";
        assert_eq!(with("churn").argument(), format!(" churn{parameters}"));
        assert_eq!(with(".").argument(), parameters);
        assert_eq!(with("churn").option(), " --spec churn");
    }

    #[test]
    fn a_command_in_a_text_names_the_spec() {
        let program = program();
        let text = "see `mlinfra show`; then `mlinfra apply`, not `state.db`";
        let churn = given("my churn").copyable(text);
        let wanted = format!(
            "see `{program} show --spec 'my churn'`; then `{program} apply 'my churn'`, \
             not `state.db`"
        );
        assert_eq!(churn, wanted);
        assert_eq!(
            given("my churn").copyable("`mlinfra apply 'my churn'`"),
            format!("`{program} apply 'my churn'`")
        );
        let here = format!("`{program} log` and `{program} explain E0203`");
        assert_eq!(
            given(".").copyable("`mlinfra log` and `mlinfra explain E0203`"),
            here
        );
    }
}
