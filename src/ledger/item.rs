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
    format!("{}/{environment}", place.installation)
}

pub(super) fn sort_key(service: &ServiceKey) -> String {
    format!("{SERVICE_KEY}{}", service.name())
}

/// Everything of a partition; refused if it is another place's.
pub(super) async fn read(table: &TableReader, partition: &str, wanted: &Place) -> Result<Found, Error> {
    let mut found = Found { lease: None, records: BTreeMap::new() };
    for item in table.items(partition).await? {
        let at = At { table: table.table(), partition };
        let key = item["sk"]["S"].as_str().unwrap_or_default();
        if key == LEASE_KEY {
            found.lease = Some(at.lease(&item, wanted)?);
        } else if let Some(name) = key.strip_prefix(SERVICE_KEY) {
            found.records.insert(ServiceKey::new(name), at.record(key, &item)?);
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
    pub(super) fn lease(self, item: &Json, wanted: &Place) -> Result<Lease, Error> {
        self.format(LEASE_KEY, item)?;
        let text = |name: &str| item[name]["S"].as_str().map(str::to_owned);
        let needed =
            |name: &str| text(name).ok_or_else(|| self.wrong(LEASE_KEY, &format!("`{name}` is missing")));
        let number = |name: &str| self.number(LEASE_KEY, item, name);
        let found = Place {
            installation: wanted.installation.clone(),
            account: text("account"),
            region: needed("region")?,
            cluster: needed("cluster")?,
        };
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
                name: needed("holder")?,
                epoch: number("epoch")?,
                since: Timestamp(i64::try_from(number("since")?).unwrap_or(i64::MAX)),
                released: item["released"]["BOOL"].as_bool().unwrap_or(false),
            },
            nonce: needed("nonce")?,
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
