//! The sink of one machine: each message is a file that any mail program opens.

use std::io;
use std::path::{Path, PathBuf};

use jobs::job::JobId;
use tokio::fs;
use tokio::io::AsyncWriteExt;

/// Writes `<job id>.eml`, whole or not at all. Written again it has the same name: one message, however often.
pub async fn write(folder: &Path, job: JobId, message: &str) -> io::Result<String> {
    fs::create_dir_all(folder).await?;
    let name = format!("{job}.eml");
    // Two workers may be at it for a moment; each has its own file until it is complete.
    let partial: PathBuf = folder.join(format!(".{name}.{}", std::process::id()));
    let written = write_whole(&partial, message).await;
    let written = match written {
        Ok(()) => fs::rename(&partial, folder.join(&name)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        // What is left of it is of no use; the error that counts is the first one.
        let _left = fs::remove_file(&partial).await;
        return Err(error);
    }
    Ok(name)
}

async fn write_whole(path: &Path, message: &str) -> io::Result<()> {
    let mut file = fs::File::create(path).await?;
    file.write_all(message.as_bytes()).await?;
    file.sync_all().await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_message_that_is_written_twice_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let mail = folder.path().join("mail");
        let job = JobId::fresh();
        write(&mail, job, "one").await.unwrap();
        assert_eq!(write(&mail, job, "two").await.unwrap(), format!("{job}.eml"));
        let names: Vec<_> =
            std::fs::read_dir(&mail).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [format!("{job}.eml").as_str()]);
        assert_eq!(std::fs::read_to_string(mail.join(format!("{job}.eml"))).unwrap(), "two");
    }

    #[tokio::test]
    async fn a_message_that_can_not_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let job = JobId::fresh();
        // A folder stands where the file would be.
        std::fs::create_dir(folder.path().join(format!("{job}.eml"))).unwrap();
        assert!(write(folder.path(), job, "one").await.is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
