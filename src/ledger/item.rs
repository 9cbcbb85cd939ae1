//! What a ledger's partition of a table holds: `lease`, and `service#NAME` for each service.

use std::collections::BTreeMap;

use serde_json::json;

use super::lease::Lease;
use super::{Error, Place};
use crate::aws::TableReader;
use crate::model::{Holder, Json, ServiceKey, ServiceRecord, Timestamp};

/// The sort key of the lease.
pub(super) const LEASE_KEY: &str = "lease";
const SERVICE_KEY: &str = "service#";
/// Of both kinds of items.
const FORMAT: u64 = 1;
/// DynamoDB's bound on an item, with the names of its attributes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const BYTES_MAX: usize = 400 * 1024;

/// A record as it stands in the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) record: ServiceRecord,
    pub(super) version: u64,
}

pub(super) struct Found {
    pub(super) lease: Option<Lease>,
    pub(super) records: BTreeMap<ServiceKey, Kept>,
}

/// `INSTALLATION/ENVIRONMENT`, so that a policy can bind an operator to its own (`dynamodb:LeadingKeys`).
pub(super) fn partition(place: &Place, environment: &str) -> String {
    partition_of(&place.installation, environment)
}

pub(super) fn partition_of(installation: &str, environment: &str) -> String {
    format!("{installation}/{environment}")
}

pub(super) fn sort_key(service: &ServiceKey) -> String {
    format!("{SERVICE_KEY}{}", service.name())
}

/// Everything of a partition; refused if it is another place's.
pub(super) async fn read(table: &TableReader, partition: &str, wanted: &Place) -> Result<Found, Error> {
    let at = At { table: table.table(), partition };
    found(at, &table.items(partition).await?, wanted)
}

/// The same where only the installation is known, and the lease says what place it is of; `None`: nobody has
/// ever held it.
pub(super) async fn read_anywhere(
    table: &TableReader,
    partition: &str,
    installation: &str,
) -> Result<Option<(Place, Found)>, Error> {
    let at = At { table: table.table(), partition };
    let items = table.items(partition).await?;
    let Some(lease) = items.iter().find(|item| item["sk"]["S"] == LEASE_KEY) else { return Ok(None) };
    let place = at.place(lease, installation)?;
    Ok(Some((place.clone(), found(at, &items, &place)?)))
}

fn found(at: At<'_>, items: &[Json], wanted: &Place) -> Result<Found, Error> {
    let mut found = Found { lease: None, records: BTreeMap::new() };
    for item in items {
        let key = item["sk"]["S"].as_str().unwrap_or_default();
        if key == LEASE_KEY {
            found.lease = Some(at.lease(item, wanted)?);
        } else if let Some(name) = key.strip_prefix(SERVICE_KEY) {
            found.records.insert(ServiceKey::new(name), at.record(key, item)?);
        }
    }
    Ok(found)
}

/// Which partition an item was read from.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) table: &'a str,
    pub(super) partition: &'a str,
}

impl At<'_> {
    /// What the lease says that the ledger is of.
    fn place(self, item: &Json, installation: &str) -> Result<Place, Error> {
        self.format(LEASE_KEY, item)?;
        Ok(Place {
            installation: installation.to_owned(),
            account: item["account"]["S"].as_str().map(str::to_owned),
            region: self.text(item, "region")?,
            cluster: self.text(item, "cluster")?,
        })
    }

    fn text(self, item: &Json, name: &str) -> Result<String, Error> {
        let text = item[name]["S"].as_str().map(str::to_owned);
        text.ok_or_else(|| self.wrong(LEASE_KEY, &format!("`{name}` is missing")))
    }

    pub(super) fn lease(self, item: &Json, wanted: &Place) -> Result<Lease, Error> {
        let number = |name: &str| self.number(LEASE_KEY, item, name);
        let found = self.place(item, &wanted.installation)?;
        if !found.may_be(wanted) {
            return Err(Error::TableElsewhere {
                table: self.table.to_owned(),
                partition: self.partition.to_owned(),
                found: Box::new(found),
                wanted: Box::new(wanted.clone()),
            });
        }
        Ok(Lease {
            holder: Holder {
                name: self.text(item, "holder")?,
                epoch: number("epoch")?,
                since: Timestamp(i64::try_from(number("since")?).unwrap_or(i64::MAX)),
                released: item["released"]["BOOL"].as_bool().unwrap_or(false),
            },
            nonce: self.text(item, "nonce")?,
            version: number("version")?,
            seconds: number("seconds")?,
        })
    }

    pub(super) fn record(self, key: &str, item: &Json) -> Result<Kept, Error> {
        self.format(key, item)?;
        let text = item["record"]["S"].as_str().ok_or_else(|| self.wrong(key, "`record` is missing"))?;
        let record = serde_json::from_str(text).map_err(|error| self.wrong(key, &error.to_string()))?;
        Ok(Kept { record, version: self.number(key, item, "version")? })
    }

    fn format(self, key: &str, item: &Json) -> Result<(), Error> {
        match self.number(key, item, "format")? {
            FORMAT => Ok(()),
            other => Err(self.wrong(key, &format!("it is of format {other}; this program knows {FORMAT}"))),
        }
    }

    fn number(self, key: &str, item: &Json, name: &str) -> Result<u64, Error> {
        let number = item[name]["N"].as_str().and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.wrong(key, &format!("`{name}` is no number")))
    }

    fn wrong(self, item: &str, why: &str) -> Error {
        Error::Item {
            table: self.table.to_owned(),
            partition: self.partition.to_owned(),
            item: item.to_owned(),
            why: why.to_owned(),
        }
    }
}

pub(super) fn of_lease(lease: &Lease, place: &Place) -> Json {
    let mut item = json!({
        "format": number(FORMAT),
        "holder": {"S": lease.holder.name},
        "epoch": number(lease.holder.epoch),
        "since": {"N": lease.holder.since.0.to_string()},
        "released": {"BOOL": lease.holder.released},
        "nonce": {"S": lease.nonce},
        "version": number(lease.version),
        "seconds": number(lease.seconds),
        "region": {"S": place.region},
        "cluster": {"S": place.cluster},
    });
    if let Some(account) = &place.account {
        item["account"] = json!({"S": account});
    }
    item
}

pub(super) fn of_record(service: &ServiceKey, partition: &str, kept: &Kept) -> Result<Json, Error> {
    let record = serde_json::to_string(&kept.record).unwrap_or_default();
    // Names and numbers of the other attributes are far below what this leaves.
    let bytes = record.len() + partition.len() + sort_key(service).len() + 100;
    if bytes > BYTES_MAX {
        return Err(Error::ItemTooLarge { service: service.clone(), bytes, max: BYTES_MAX });
    }
    Ok(json!({"format": number(FORMAT), "version": number(kept.version), "record": {"S": record}}))
}

pub(super) fn number(number: u64) -> Json {
    json!({"N": number.to_string()})
}
