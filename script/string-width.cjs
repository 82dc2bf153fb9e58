// What packages get for `string-width`: one width for all, which loads the tables of Unicode only for text that needs them.
module.exports = require("../src/render/width.ts").widthOf;
