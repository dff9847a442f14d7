//! Pictures, the forms that they are uploaded in, and what becomes of them.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use crate::world::{Answer, World};

pub const PNG: ImageFormat = ImageFormat::Png;

pub fn picture(format: ImageFormat, side: u32) -> Vec<u8> {
    let image = DynamicImage::from(RgbImage::from_fn(side, side, |x, y| {
        image::Rgb([x as u8, y as u8, 90])
    }));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("a picture");
    file.into_inner()
}

/// One part of a form: its headers, and what is in it.
pub fn part(headers: &str, content: &[u8]) -> Vec<u8> {
    [
        b"--limit\r\n",
        headers.as_bytes(),
        b"\r\n\r\n",
        content,
        b"\r\n",
    ]
    .concat()
}

pub fn file(content: &[u8]) -> Vec<u8> {
    part(
        "Content-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"",
        content,
    )
}

pub const END: &[u8] = b"--limit--\r\n";

impl World {
    pub async fn form(&self, token: &str, body: Vec<u8>) -> Answer {
        let request = self
            .request("POST", "/users/avatar")
            .bearer_auth(token)
            .body(body);
        self.send(request.header("content-type", "multipart/form-data; boundary=limit"))
            .await
    }

    pub async fn upload(&self, token: &str, content: &[u8]) -> Answer {
        self.form(token, [file(content), END.to_vec()].concat())
            .await
    }

    /// Uploads a picture, which succeeds: where it is.
    pub async fn uploaded(&self, token: &str) -> String {
        let answer = self.upload(token, &picture(PNG, 20)).await;
        answer.json()["data"]["avatar_url"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    pub async fn fetch(&self, url: &str) -> reqwest::Response {
        assert!(url.starts_with(&self.avatars_url()), "{url} is elsewhere");
        self.fetched(url).await
    }

    /// Whether the picture is there. S3 answers 404 or, to a distribution that may not list, 403.
    pub async fn serves(&self, url: &str) -> bool {
        let status = self.fetch(url).await.status().as_u16();
        assert!([200, 403, 404].contains(&status), "{status}");
        status == 200
    }

    /// Every object, by its URL.
    pub async fn objects(&self) -> Vec<String> {
        let bucket = self.physical_id("AvatarsBucket");
        let listed = self
            .operator()
            .s3()
            .list_objects_v2()
            .bucket(bucket)
            .send()
            .await
            .expect("a list");
        let keys = listed
            .contents
            .into_iter()
            .flatten()
            .filter_map(|object| object.key);
        keys.map(|key| format!("{}/{key}", self.avatars_url()))
            .collect()
    }

    /// The user's picture, which is there.
    pub async fn avatar(&self, token: &str) -> Option<String> {
        let url = self.me(token).await.json()["avatar"]
            .as_str()
            .map(str::to_owned)?;
        assert!(self.serves(&url).await, "{url} is dangling");
        Some(url)
    }
}
