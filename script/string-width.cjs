// Replaces `string-width` in all packages; it loads the tables of Unicode only for text that needs them.
module.exports = require("../src/render/width.ts").widthOf;
