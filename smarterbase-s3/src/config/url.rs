//! Reads `s3://…`, `gs://…` and `az://…`.

use smarterbase_core::error::Result;
use url::Url;

use super::{ObjectStoreOptions, Place, misconfigured};

pub(super) fn parse(text: &str) -> Result<ObjectStoreOptions> {
    // The text is never repeated in an error: it may hold a password.
    let url = Url::parse(text).map_err(|_| misconfigured("the store's URL cannot be read"))?;
    refuse_what_has_no_meaning(&url)?;
    let (place, prefix) = place(&url)?;
    let mut options = ObjectStoreOptions::at(place, prefix);
    for (key, value) in url.query_pairs() {
        set(&mut options, &key, &value)?;
    }
    Ok(options)
}

fn refuse_what_has_no_meaning(url: &Url) -> Result<()> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(misconfigured(
            "the store's URL holds a user name or a password; pass credentials in the environment or through Credentials",
        ));
    }
    if url.port().is_some() || url.fragment().is_some() {
        return Err(misconfigured(
            "the store's URL has a port or a fragment; the service's address goes into `endpoint=`",
        ));
    }
    Ok(())
}

fn place(url: &Url) -> Result<(Place, String)> {
    let host = name(url.host_str().unwrap_or_default(), "bucket or account")?;
    let path = url.path().trim_start_matches('/');
    match url.scheme() {
        "s3" => Ok((Place::S3 { bucket: host }, prefix(path)?)),
        "gs" => Ok((Place::Google { bucket: host }, prefix(path)?)),
        "az" => {
            let (container, rest) = path.split_once('/').unwrap_or((path, ""));
            let container = name(container, "container")?;
            let place = Place::Azure {
                account: host,
                container,
            };
            Ok((place, prefix(rest)?))
        }
        other => Err(misconfigured(format!(
            "the scheme `{other}` is no object store; known are s3, gs and az"
        ))),
    }
}

/// The name of a bucket, an account or a container.
fn name(text: &str, what: &str) -> Result<String> {
    if text.is_empty() {
        return Err(misconfigured(format!("the store's URL has no {what}")));
    }
    // LIST of a directory bucket is not sorted and knows no start.
    if text.ends_with("--x-s3") {
        return Err(misconfigured(
            "S3 Express directory buckets are not supported: their LIST is not in path order",
        ));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.chars().all(allowed) && text != "." && text != ".." {
        Ok(text.to_owned())
    } else {
        Err(misconfigured(format!("`{text}` is no name of a {what}")))
    }
}

/// The prefix without slashes at its ends.
fn prefix(path: &str) -> Result<String> {
    let path = path.trim_end_matches('/');
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    if path.is_empty() || (path.chars().all(allowed) && path.split('/').all(is_segment)) {
        Ok(path.to_owned())
    } else {
        Err(misconfigured(format!(
            "`{path}` is no prefix: use letters, digits, `-`, `_` and `.` between single slashes"
        )))
    }
}

fn set(options: &mut ObjectStoreOptions, key: &str, value: &str) -> Result<()> {
    let is_s3 = matches!(options.place, Place::S3 { .. });
    match key {
        "endpoint" => options.endpoint = Some(endpoint(value)?),
        "region" if is_s3 => options.region = Some(name(value, "region")?),
        "path_style" if is_s3 => options.path_style = Some(boolean(key, value)?),
        "unquoted_etags" if is_s3 => options.unquoted_e_tags = boolean(key, value)?,
        _ => return Err(unknown(key, is_s3)),
    }
    Ok(())
}

fn unknown(key: &str, is_s3: bool) -> smarterbase_core::Error {
    let known = if is_s3 {
        "endpoint, region, path_style and unquoted_etags"
    } else {
        "endpoint"
    };
    misconfigured(format!(
        "the store's URL has the unknown key `{key}`; known are {known}"
    ))
}

fn boolean(key: &str, value: &str) -> Result<bool> {
    value
        .parse()
        .map_err(|_| misconfigured(format!("`{key}` is `true` or `false`")))
}

/// An `http` or `https` URL without credentials, without a slash at its end.
fn endpoint(text: &str) -> Result<String> {
    let wrong = || {
        misconfigured(
            "`endpoint` is no `http://` or `https://` address without credentials and query",
        )
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_http && is_bare {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use smarterbase_core::ErrorKind;

    use super::{super::Place, parse};

    fn refusal(url: &str) -> String {
        let error = parse(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{url}");
        error.to_string()
    }

    #[test]
    fn each_scheme_names_its_place() {
        let s3 = parse("s3://bucket/a/b/").unwrap();
        let bucket = "bucket".to_owned();
        assert_eq!(s3.place, Place::S3 { bucket });
        assert_eq!(s3.prefix, "a/b");
        assert_eq!(
            parse("s3://my_bucket").unwrap().location(),
            "s3://my_bucket"
        );
        assert_eq!(parse("gs://bucket/a").unwrap().location(), "gs://bucket/a");
        let azure = parse("az://account/container/a").unwrap();
        let (account, container) = ("account".to_owned(), "container".to_owned());
        assert_eq!(azure.place, Place::Azure { account, container });
        assert_eq!(azure.location(), "az://account/container/a");
    }

    #[test]
    fn the_query_sets_the_options() {
        let options = parse(
            "s3://b/p?endpoint=http%3A%2F%2F127.0.0.1%3A9000%2F&region=eu-central-1&path_style=false&unquoted_etags=true",
        )
        .unwrap();
        assert_eq!(options.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert!(options.allows_http());
        assert_eq!(options.region.as_deref(), Some("eu-central-1"));
        assert_eq!(options.path_style, Some(false));
        assert!(options.unquoted_e_tags);
        assert!(!parse("s3://b?endpoint=https://h").unwrap().allows_http());
    }

    #[test]
    fn an_unknown_key_is_named() {
        assert!(refusal("s3://b/p?regoin=x").contains("`regoin`"));
        assert!(refusal("gs://b/p?region=x").contains("`region`"));
        assert!(refusal("s3://b/p?path_style=maybe").contains("`path_style`"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        assert!(refusal("s3:///p").contains("no bucket"));
        assert!(refusal("az://account").contains("no container"));
        assert!(refusal("ftp://b/p").contains("`ftp`"));
        assert!(refusal("s3://b/a//b").contains("prefix"));
        assert!(refusal("s3://b/a%2f..").contains("prefix"));
        assert!(refusal("s3://b:80/a").contains("endpoint="));
        assert!(refusal("s3://zone--use1-az4--x-s3/a").contains("Express"));
        assert!(refusal("s3://b?endpoint=host:9000").contains("`endpoint`"));
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in [
            "s3://user:hunter2@bucket/p",
            "s3://bucket?endpoint=http://user:hunter2@host",
            "az://account/container?endpoint=https://h/?sig=hunter2",
        ] {
            assert!(!refusal(url).contains("hunter2"), "{url}");
        }
    }
}
