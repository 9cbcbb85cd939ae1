//! Adds up imported rows by product, and stores the sums as a CSV file among the objects. Of an order that several
//! imports have, the latest import counts; see [`Store::product_totals`].

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use jobs::job::{JobId, Status};
use jobs::objects::{Objects, PutError};
use jobs::store::{PRODUCT_TOTALS_MAX, ProductTotal, Store};
use serde_json::{Value, json};

use crate::formula::as_text;
use crate::perform::Interrupted;

const COLUMNS: [&str; 4] = ["product", "orders", "quantity", "revenue"];

/// Writes the report of one import, or of all; answers the job's result, or the reason for which it failed. Done
/// again, it replaces its own file.
pub async fn report(
    store: &Store,
    objects: &Objects,
    job: JobId,
    import: Option<JobId>,
) -> Result<Result<Value, String>, Interrupted> {
    if let Some(import) = import
        && let Some(reason) = not_an_import(store, import).await?
    {
        return Ok(Err(reason));
    }
    let totals = store.product_totals(import).await?;
    let file = match csv_file(&totals) {
        Ok(file) => file,
        Err(error) => return Ok(Err(format!("the report can't be written: {error}"))),
    };
    let object = format!("reports/{job}.csv");
    let bytes = file.len() as u64;
    let body = stream::iter([Ok::<_, Infallible>(Bytes::from(file))]);
    match objects.put(&object, body, bytes).await {
        Ok(_stored) => {}
        Err(PutError::Objects(error)) => return Err(error.into()),
        Err(PutError::Body(never)) => match never {},
        Err(error @ PutError::TooLarge { .. }) => return Ok(Err(error.to_string())),
    }
    let mut result = json!({"object": object, "rows": totals.len()});
    if totals.len() >= PRODUCT_TOTALS_MAX as usize {
        result["note"] = format!("only the first {PRODUCT_TOTALS_MAX} products").into();
    }
    Ok(Ok(result))
}

/// Why there is nothing to report of this job.
async fn not_an_import(store: &Store, import: JobId) -> Result<Option<String>, Interrupted> {
    Ok(match store.read(import).await? {
        None => Some(format!("there is no job {import}")),
        Some(job) if job.kind != "csv-import" => {
            Some(format!("job {import} is a {}, not a csv-import", job.kind))
        }
        Some(job) if job.status != Status::Completed => {
            Some(format!("the import {import} is {}; a report needs a COMPLETED one", job.status))
        }
        Some(_completed) => None,
    })
}

fn csv_file(totals: &[ProductTotal]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for total in totals {
        let ProductTotal { product, orders, quantity, revenue_cents } = total;
        let revenue = format!("{}.{:02}", revenue_cents / 100, revenue_cents % 100);
        writer.write_record([&*as_text(product), &orders.to_string(), &quantity.to_string(), &revenue])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_report_has_a_header_and_a_row_for_each_product() {
        let total = |product: &str, revenue_cents| ProductTotal {
            product: product.into(),
            orders: 2,
            quantity: 30,
            revenue_cents,
        };
        let file = csv_file(&[total("rum, \"old\"", 5), total("tea", 123_456)]).unwrap();
        assert_eq!(
            String::from_utf8(file).unwrap(),
            "product,orders,quantity,revenue\n\"rum, \"\"old\"\"\",2,30,0.05\ntea,2,30,1234.56\n"
        );
        let file = csv_file(&[total("=HYPERLINK(\"http://a\",1)", 0)]).unwrap();
        let row = "\"'=HYPERLINK(\"\"http://a\"\",1)\",2,30,0.00";
        assert_eq!(String::from_utf8(file).unwrap().lines().last(), Some(row));
        assert_eq!(csv_file(&[]).unwrap(), b"product,orders,quantity,revenue\n");
    }
}
