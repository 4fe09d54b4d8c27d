//! Checkpoints of a training in the store of its result, sealed if that store is.

use mlinfra_data::{StepFault, Store};
use mlinfra_learn::Checkpoints;

/// So many are kept: the newest, and one more in case it does not open.
const KEPT: usize = 2;

/// The checkpoints of one recipe: `checkpoints/<recipe key>/<epoch>`.
pub(crate) struct StoredCheckpoints<'a> {
    store: &'a Store,
    prefix: String,
}

impl<'a> StoredCheckpoints<'a> {
    /// Those of the recipe with this key.
    pub(crate) fn new(store: &'a Store, key: &str) -> Self {
        StoredCheckpoints {
            store,
            prefix: format!("checkpoints/{key}/"),
        }
    }

    /// The epochs that there are checkpoints of, oldest first.
    fn epochs(&self) -> Result<Vec<(u32, String)>, StepFault> {
        let names = self.store.list(&self.prefix)?;
        let epoch = |name: String| {
            let digits = name.strip_prefix(&self.prefix)?;
            Some((digits.parse().ok()?, name))
        };
        let mut epochs: Vec<(u32, String)> = names.into_iter().filter_map(epoch).collect();
        epochs.sort_unstable();
        Ok(epochs)
    }

    fn keep(&self, epoch: u32, bytes: &[u8]) -> Result<(), StepFault> {
        self.store
            .write(&format!("{}{epoch:08}", self.prefix), bytes)?;
        let epochs = self.epochs()?;
        let surplus = epochs.len().saturating_sub(KEPT);
        for (_, name) in &epochs[..surplus] {
            self.store.remove(name)?;
        }
        Ok(())
    }

    /// Removes all of them: the artifact is complete.
    pub(crate) fn remove_all(&self) -> Result<(), StepFault> {
        for (_, name) in self.epochs()? {
            self.store.remove(&name)?;
        }
        Ok(())
    }
}

impl Checkpoints for StoredCheckpoints<'_> {
    fn save(&mut self, epoch: u32, bytes: &[u8]) -> Result<(), String> {
        self.keep(epoch, bytes).map_err(|fault| fault.to_string())
    }

    /// One that does not open is passed over: an older one, or the beginning, serves as well.
    fn newest_first(&mut self) -> Result<Vec<(u32, Vec<u8>)>, String> {
        let epochs = self.epochs().map_err(|fault| fault.to_string())?;
        let mut found = Vec::new();
        for (epoch, name) in epochs.into_iter().rev() {
            match self.store.read(&name) {
                Ok(bytes) => found.push((epoch, bytes)),
                Err(fault) => {
                    tracing::warn!(epoch, code = fault.code, "a checkpoint does not open");
                }
            }
        }
        Ok(found)
    }
}
