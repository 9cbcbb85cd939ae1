//! Who may do what only one process at a time may do.

use std::time::Duration;

use super::{Store, StoreError};
use crate::timestamp::Timestamp;

crate::id::id! {
    /// Names one holding of a lease.
    LeaseId
}

impl Store {
    /// Takes a lease if nobody has it, or if whoever has it held it for longer than was asked for; none otherwise.
    pub async fn take_lease(
        &self,
        name: &'static str,
        lasts: Duration,
        now: Timestamp,
    ) -> Result<Option<LeaseId>, StoreError> {
        self.in_time("taking a lease", async {
            let holder = LeaseId::fresh();
            // One statement, so that of two at once the second sees what the first has written.
            let taken = sqlx::query(
                "INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE leases.until <= $4",
            )
            .bind(name)
            .bind(holder.to_string())
            .bind(now.plus(lasts).milliseconds())
            .bind(now.milliseconds())
            .execute(&self.writers)
            .await?;
            Ok((taken.rows_affected() == 1).then_some(holder))
        })
        .await
    }

    /// Gives a lease back, unless it has run out and somebody else has it.
    pub async fn return_lease(&self, name: &'static str, holder: LeaseId) -> Result<(), StoreError> {
        self.in_time("returning a lease", async {
            sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
                .bind(name)
                .bind(holder.to_string())
                .execute(&self.writers)
                .await?;
            Ok(())
        })
        .await
    }
}
