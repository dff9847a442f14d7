// A client with the types of the OpenAPI document, which the compiler must accept.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8000" });

/** `center`: a status for each kind of error, and a `detail`. */
export async function phone(token: string): Promise<string | null> {
  const headers = { Authorization: `Bearer ${token}` };
  const { data, error } = await client.GET("/api/users/me", { headers });
  if (error) throw new Error(error.detail);
  return data.phone;
}

/** `whale`: one status; the code in the body discriminates the variants. */
export async function whale(email: string, password: string): Promise<string | undefined> {
  const { data, error } = await client.PUT("/api/users/login/", { body: { email, password } });
  if (error) throw new Error(error.message);
  switch (data.code) {
    case 0:
      return data.data.token;
    case 1411:
    case 1413:
      return undefined;
    default:
      throw new Error(data.message);
  }
}

/** `profile`: the same, with codes that are strings. */
export async function rename(token: string, name: string): Promise<string> {
  const headers = { Authorization: `Bearer ${token}` };
  const { data, error } = await client.PUT("/users/name", { headers, body: { name } });
  if (error) throw new Error(error.message);
  if (data.error_code !== "0") throw new Error(data.message);
  return data.name;
}

/** `campus`: `success` discriminates; only a success contains the profile. */
export async function room(token: string): Promise<string> {
  const headers = { Authorization: `Bearer ${token}` };
  const { data, error } = await client.GET("/api/v3/view_profile", { headers });
  if (error) throw new Error(`${error.errType}: ${error.msg}`);
  return data.profile.room;
}
