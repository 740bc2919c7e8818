import { register } from "node:module";
register("./json_loader.mjs", import.meta.url);
