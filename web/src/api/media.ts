/** Images for messages. */
import { post } from "./client.ts";

export interface Media {
  id: string;
  image_location: string;
  name: string;
}

/** Puts an image on the server; its address goes into the message. */
export function upload(project: number, file: File): Promise<Media> {
  const form = new FormData();
  form.set("file", file);
  return post<Media>(`/api/projects/${project}/uploaded_media/`, form, { timeoutMs: 120_000 });
}
