/** The tests assert the codes of errors, not their wording: a mutant of the text that an error is made with says nothing. */
const wording = {
  shouldIgnore(path) {
    const isText = path.isStringLiteral() || path.isTemplateLiteral();
    const made = path.parentPath;
    if (isText && made?.isNewExpression() && made.node.callee.name?.endsWith("Error")) return "the wording of an error";
  },
};

export const strykerPlugins = [{ kind: "Ignore", name: "wording", value: wording }];
