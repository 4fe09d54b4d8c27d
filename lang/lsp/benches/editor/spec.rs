//! A spec of any length, made of the blocks that a team writes for each of its models.

use std::fmt::Write as _;

/// The name of the file that everything begins with.
pub(crate) const MAIN: &str = "main.mlinfra";
/// The name of the file that the parts share.
pub(crate) const SHARED: &str = "shared.mlinfra";

/// What all parts have in common.
const COMMON: &str = "\
target here = local(country = \"DE\")

param copies: int = 1 {
  require copies in 1..8 else \"this machine holds one to eight of each\"
}

key vault on here { rotation = 90 days }

let months = 3
";

/// What one model needs: `#` is its number.
const PART: &str = "
/// What model # is about, and for how long its data stay.
let days# = if # > 40 then 30 days else 20 days

key key# on here {
  rotation = 90 days
}

storage lake# on here {
  class      = ssd
  capacity   = 2 GiB
  encryption = customer(key#)
  retention  = days# + 5 days
}

dataset people# {
  from     = file(\"data/people#.csv\")
  keep     = lake#
  basis    = contract
  purposes = [\"scoring\"]

  columns {
    status            : category               /// Checking account, A11 to A14.
    month             : int                    /// Duration, in months.
    credit_history    : category
    purpose           : category
    credit_amount     : int        @personal
    savings           : category?  @personal
    employment        : category?
    income_percentage : int
    personal_status   : category   @personal @protected
    other_debtors     : category
    residence_since   : int
    property          : category
    age               : int        @personal @protected
    installment_plans : category
    housing           : category
    number_of_credits : int
    telephone         : category   @personal
    foreign_worker    : category   @personal @protected
    credit            : int        @label      /// 1 good, 2 bad.
  }
}

pool worker# on here {
  cpus   >= 2
  memory >= 1 GiB
}

pipeline risk# on worker# {
  purpose = \"scoring\"

  step clean = drop_nulls(people#)

  step prepared = derive(clean) {
    sex      = if personal_status in [\"A92\", \"A95\"] then \"female\" else \"male\"
    age_band = if age < 25 then \"youth\" else \"adult\"
    good     = credit == 1
  }

  step masked = mask(prepared) {
    telephone       = drop
    personal_status = drop
    credit          = drop
    age             = bucket(5)
  }

  step parts = split(masked, stratify = good, seed = #) { train = 80%, test = 20% }

  step model = train(parts.train, label = good) {
    architecture = mlp(hidden = [32, 16])
    exclude      = [sex, age_band, foreign_worker]   /// Judged on, never learned from.
    needs        = [credit_amount, savings]
    epochs       = 30
    seed         = 7
  }

  step report = evaluate(model, parts.test) {
    explain = [permutation, lime]
    fairness {
      by        = [sex, age_band]
      min_group = 10
    }
    require auc >= 0.70
    require disparate_impact(sex) >= 0.80
  }

  step release = register(model, name = \"risk-#\", gate = report)
}

endpoint score# on worker# {
  model    = risk#.release
  replicas = copies
  port     = 8000 + #
  auth     = api_key
}

monitor health# {
  watch = score#

  alert errors = error_rate > 1%      { lasting = 5 min }
  alert slow   = latency(99%) > 50 ms { lasting = 5 min }
  alert drift  = drift(age, since = risk#.parts.train) > 0.2
}

output url# = score#.url
";

/// The policies that hold, as most specs name them.
const PROJECT: &str = "\
project bench {
  owner     = \"bench@example.com\"
  comply    = [gdpr]
  residency = [eu]
}

budget team {
  limit   = 500 USD/month
  warn_at = 80%
}

";

fn part(number: usize) -> String {
    PART.replace('#', &number.to_string())
}

/// So many lines or a few more, in one file.
pub(crate) fn one_file(lines: usize) -> Vec<(String, String)> {
    let mut text = format!("{PROJECT}{COMMON}");
    let mut number = 0;
    let (mut have, each) = (text.lines().count(), PART.lines().count());
    while have < lines {
        text += &part(number);
        number += 1;
        have += each;
    }
    vec![(MAIN.to_owned(), text)]
}

/// So many lines or a few more, each part in a file of its own.
pub(crate) fn many_files(lines: usize) -> Vec<(String, String)> {
    let each = PART.lines().count();
    let count = lines.div_ceil(each + 2);
    let mut main = PROJECT.to_owned();
    let mut files = vec![(SHARED.to_owned(), COMMON.to_owned())];
    for number in 0..count {
        writeln!(main, "use \"part{number}.mlinfra\" as p{number}")
            .expect("writing to a string never fails");
        let uses = format!("use \"{SHARED}\".{{here, copies}}\n");
        files.push((format!("part{number}.mlinfra"), uses + &part(number)));
    }
    files.push((MAIN.to_owned(), main));
    files
}
