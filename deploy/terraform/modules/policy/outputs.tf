output "statements" {
  description = "the statements, as they are in the file but for the names"
  value       = local.statements

  precondition {
    condition     = !can(regex("[/:\"]jobs[/\"-]", local.nameless))
    error_message = "${var.file} names something of the example that modules/policy does not know: teach it."
  }

  precondition {
    condition     = alltrue([for sid in keys(var.resources) : contains(jsondecode(file(var.file)).Statement[*].Sid, sid)])
    error_message = "${var.file} has no such statement: ${join(", ", keys(var.resources))}."
  }
}

output "json" {
  description = "the policy"
  value       = jsonencode({ Version = "2012-10-17", Statement = local.statements })
}
