//! Images in ECR: what tags mean, for those who deploy them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::super::direct::{Direct, Place, Question};
use super::{Call, Category, Reader, list};
use crate::aws::{Error, ErrorKind, IMAGES_MAX};
use crate::model::{Json, Repository};

/// Most tags per page of ListImages.
const TAGS_A_PAGE: usize = 1_000;
/// ECR allows 20,000 images in a repository, and a hundred thousand on request.
const TAG_PAGES_MAX: usize = 20;

/// Forms of an image's manifest. A list of platforms comes only where it is asked for.
pub(in crate::aws) const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Clients for the regions that repositories are in: each has connections of its own.
#[derive(Clone, Debug)]
pub(in crate::aws) struct Registries {
    ecs: aws_sdk_ecs::Client,
    clients: Arc<Mutex<BTreeMap<Place, aws_sdk_ecs::Client>>>,
    /// `AWS_ENDPOINT_URL`, or a test's own.
    endpoint: Option<String>,
}

impl Registries {
    pub(in crate::aws) fn new(ecs: aws_sdk_ecs::Client, endpoint: Option<&str>) -> Self {
        Self { ecs, clients: Arc::default(), endpoint: endpoint.map(str::to_owned) }
    }

    fn client(&self, region: &str) -> aws_sdk_ecs::Client {
        let place = Place::regional("api.ecr", "ecr", region, self.endpoint.as_deref());
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let settings = self.ecs.config().to_builder().endpoint_resolver(place.clone());
            aws_sdk_ecs::Client::from_conf(settings.build())
        };
        clients.entry(place.clone()).or_insert_with(made).clone()
    }
}

impl Reader {
    /// DescribeImages of at most [`IMAGES_MAX`] tags: `imageDetails`. One tag that is not there fails the call.
    ///
    /// Unlike BatchGetImage it does not count as a pull, by which lifecycle policies go.
    pub async fn describe_images(&self, repository: &Repository, tags: &[&str]) -> Result<Vec<Json>, Error> {
        let attempt = format!("read tags of repository `{}`", repository.name);
        let call = Call::new("ecr:DescribeImages", Category::Images, attempt);
        let ids: Vec<Json> = tags.iter().take(IMAGES_MAX).map(|tag| json!({"imageTag": tag})).collect();
        let body = json!({
            "registryId": repository.account, "repositoryName": repository.name, "imageIds": ids,
        });
        let mut answer =
            self.ecr(&call, repository, "AmazonEC2ContainerRegistry_V20150921.DescribeImages", body).await?;
        Ok(list(&mut answer["imageDetails"]))
    }

    /// All tags of a repository with their digests; `None`: there are more than anybody would look through.
    pub async fn list_tags(
        &self,
        repository: &Repository,
    ) -> Result<Option<BTreeMap<String, String>>, Error> {
        let mut tags = BTreeMap::new();
        let mut body = json!({
            "registryId": repository.account, "repositoryName": repository.name,
            "filter": {"tagStatus": "TAGGED"}, "maxResults": TAGS_A_PAGE,
        });
        for _ in 0..TAG_PAGES_MAX {
            let attempt = format!("list the tags of repository `{}`", repository.name);
            let call = Call::new("ecr:ListImages", Category::Images, attempt);
            let mut answer = self
                .ecr(&call, repository, "AmazonEC2ContainerRegistry_V20150921.ListImages", body.clone())
                .await?;
            for id in list(&mut answer["imageIds"]) {
                if let (Some(tag), Some(digest)) = (id["imageTag"].as_str(), id["imageDigest"].as_str()) {
                    tags.insert(tag.to_owned(), digest.to_owned());
                }
            }
            match answer["nextToken"].as_str() {
                Some(token) if !token.is_empty() && body["nextToken"] != token => {
                    body["nextToken"] = token.into();
                }
                Some(_) | None => return Ok(Some(tags)),
            }
        }
        Ok(None)
    }

    /// BatchGetImage of at most [`IMAGES_MAX`] digests: the manifests of those that are there.
    pub async fn image_manifests(
        &self,
        repository: &Repository,
        digests: &[&str],
    ) -> Result<BTreeMap<String, Json>, Error> {
        let attempt = format!("read images of repository `{}`", repository.name);
        let call = Call::new("ecr:BatchGetImage", Category::Images, attempt);
        let ids: Vec<Json> =
            digests.iter().take(IMAGES_MAX).map(|digest| json!({"imageDigest": digest})).collect();
        let body = json!({
            "registryId": repository.account, "repositoryName": repository.name, "imageIds": ids,
            "acceptedMediaTypes": MEDIA_TYPES,
        });
        let mut answer =
            self.ecr(&call, repository, "AmazonEC2ContainerRegistry_V20150921.BatchGetImage", body).await?;
        let manifest = |image: Json| {
            let digest = image["imageId"]["imageDigest"].as_str()?.to_owned();
            Some((digest, serde_json::from_str(image["imageManifest"].as_str()?).unwrap_or_default()))
        };
        Ok(list(&mut answer["images"]).into_iter().filter_map(manifest).collect())
    }

    /// DescribeImageScanFindings of one image: the status, and the number of findings by their severity.
    pub async fn scan(&self, repository: &Repository, digest: &str) -> Result<Json, Error> {
        let attempt = format!("read the scan of an image of repository `{}`", repository.name);
        let call = Call::new("ecr:DescribeImageScanFindings", Category::Images, attempt);
        // The counts are all that is wanted, and they are on every page.
        let body = json!({
            "registryId": repository.account, "repositoryName": repository.name,
            "imageId": {"imageDigest": digest}, "maxResults": 1,
        });
        self.ecr(&call, repository, "AmazonEC2ContainerRegistry_V20150921.DescribeImageScanFindings", body)
            .await
    }

    async fn ecr(
        &self,
        call: &Call,
        repository: &Repository,
        target: &'static str,
        body: Json,
    ) -> Result<Json, Error> {
        let direct = Direct::new(Question::Json(target, body));
        let client = self.registries.client(&repository.region);
        let request = client.list_clusters().customize().interceptor(direct.clone());
        self.line.typed(call, request.send()).await?;
        serde_json::from_slice(&direct.body()).map_err(|_| Error {
            operation: call.operation,
            kind: ErrorKind::Server,
            code: None,
            message: "an answer that can't be read".to_owned(),
            request_id: None,
            region: repository.region.as_str().into(),
            attempt: call.attempt.as_str().into(),
        })
    }
}
