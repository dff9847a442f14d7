//! Pictures, upload forms, and stored avatars.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};

use super::{Response, TestApp};

pub const PNG: ImageFormat = ImageFormat::Png;

/// The end of a form.
pub const FORM_END: &[u8] = b"--limit--\r\n";

/// A square picture.
pub fn picture(format: ImageFormat, side: u32) -> Vec<u8> {
    let image = DynamicImage::from(RgbImage::from_fn(side, side, |x, y| {
        image::Rgb([x as u8, y as u8, 90])
    }));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).expect("a picture");
    file.into_inner()
}

/// A part of a form: its headers and its content.
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

/// The part that holds the picture.
pub fn file(content: &[u8]) -> Vec<u8> {
    part(
        "Content-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"",
        content,
    )
}

impl TestApp {
    /// Sends a form to the upload endpoint.
    pub async fn upload_form(&self, token: &str, form: Vec<u8>) -> Response {
        let request = self
            .request("POST", "/users/avatar")
            .bearer_auth(token)
            .body(form);
        self.send(request.header("content-type", "multipart/form-data; boundary=limit"))
            .await
    }

    /// Uploads the picture `content`.
    pub async fn upload(&self, token: &str, content: &[u8]) -> Response {
        self.upload_form(token, [file(content), FORM_END.to_vec()].concat())
            .await
    }

    /// Uploads a picture successfully and returns its URL.
    pub async fn upload_url(&self, token: &str) -> String {
        let response = self.upload(token, &picture(PNG, 20)).await;
        response.json()["data"]["avatar_url"]
            .as_str()
            .unwrap_or_else(|| panic!("{response}"))
            .to_owned()
    }

    /// Stores an object for the user's avatar that no user refers to, as an interrupted upload does.
    pub async fn interrupted_upload(&self, token: &str) -> String {
        let user = self.me(token).await.json()["id"].clone();
        let user = user.as_str().expect("a UUID");
        let key = format!("avatars/{user}/{}.jpg", uuid::Uuid::nil().simple());
        let put = self.operator().clients.s3().put_object();
        put.bucket(self.physical_id("AvatarsBucket"))
            .key(&key)
            .body(picture(PNG, 20).into())
            .send()
            .await
            .expect("an object");
        format!("{}/{key}", self.url())
    }

    /// Whether the avatar exists. For a missing object S3 responds 404, or 403 to a distribution
    /// without permission to list.
    pub async fn serves(&self, url: &str) -> bool {
        let status = self.fetch(url).await.status().as_u16();
        assert!([200, 403, 404].contains(&status), "{status}");
        status == 200
    }

    /// The URLs of all stored avatars.
    pub async fn stored_avatars(&self) -> Vec<String> {
        let bucket = self.physical_id("AvatarsBucket");
        let listed = self
            .operator()
            .clients
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
        keys.map(|key| format!("{}/{key}", self.url())).collect()
    }

    /// The user's avatar. Its object must exist.
    pub async fn avatar(&self, token: &str) -> Option<String> {
        let url = self.me(token).await.json()["avatar"]
            .as_str()
            .map(str::to_owned)?;
        assert!(self.serves(&url).await, "{url} is dangling");
        Some(url)
    }
}
