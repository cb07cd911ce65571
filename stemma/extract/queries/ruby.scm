(method name: (_) @name body: (_)? @body) @function
(singleton_method object: (_) @owner name: (_) @name body: (_)? @body) @method
(class name: (_) @name body: (_)? @body) @class
(module name: (_) @name body: (_)? @body) @module
(singleton_class) @scope.type
((assignment left: [(constant) (scope_resolution)] @name right: (call receiver: (constant) @is block: (_ body: (_)? @body) @value)) @class
  (#any-of? @is "Class" "Struct" "Data"))
((assignment left: [(constant) (scope_resolution)] @name right: (call receiver: (constant) @is block: (_ body: (_)? @body) @value)) @module
  (#eq? @is "Module"))
((call method: (identifier) @is arguments: (argument_list . [(simple_symbol) (string)] @name) block: (_ body: (_)? @body) @value) @method
  (#any-of? @is "define_method" "define_singleton_method"))
((call method: (identifier) @is arguments: (argument_list . [(simple_symbol) (string)] @name . (lambda) @value)) @method
  (#any-of? @is "define_method" "define_singleton_method"))
(assignment left: [(identifier) (constant) (instance_variable) (class_variable) (global_variable)] @name right: (lambda) @value) @function
((assignment left: [(identifier) (constant) (instance_variable) (class_variable) (global_variable)] @name
  right: (call !receiver method: (identifier) @is block: (_ body: (_)? @body) @value)) @function
  (#any-of? @is "lambda" "proc"))

(call method: (_) @owner block: [(block body: (_)? @body) (do_block body: (_)? @body)] @closure)
(call method: (_) @owner arguments: (argument_list (lambda) @closure))
[(lambda) (block body: (_)? @body) (do_block body: (_)? @body)] @closure

; `private def f`, `memoize def f`
(call !receiver arguments: (argument_list . [(method) (singleton_method)] @wrapped .)) @wrapper
(comment) @comment
